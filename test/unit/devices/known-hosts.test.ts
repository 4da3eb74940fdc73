import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import {
  hostEntry,
  hostKeyAlgorithms,
  keysOf,
  lineFor,
  typeOfKey,
  verdictOn,
} from '../../../src/devices/sftp/known-hosts.js';

const keyOf = (type: string, fill: number): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.alloc(32, fill)]);
};
const KEY = keyOf('ssh-ed25519', 1);
const OTHER = keyOf('ssh-ed25519', 2);
const line = (hosts: string, key = KEY) => lineFor(hosts, key);

const verdict = (text: string, host: string, port = 22) =>
  verdictOn(KEY, keysOf(text, hostEntry(host, port)));

describe('known_hosts', () => {
  it('names a server with its port, unless that is 22', () => {
    assert.equal(hostEntry('NAS.local', 22), 'nas.local');
    assert.equal(hostEntry('nas.local', 2222), '[nas.local]:2222');
    assert.equal(verdict(line('nas.local'), 'nas.local', 2222), 'unknown');
    assert.equal(verdict(line('[nas.local]:2222'), 'nas.local', 2222), 'known');
  });

  it('finds names in lists, by wildcards, and not where a name is excluded', () => {
    assert.equal(verdict(line('other,nas.local,10.0.0.5'), '10.0.0.5'), 'known');
    assert.equal(verdict(line('10.0.0.*'), '10.0.0.5'), 'known');
    assert.equal(verdict(line('10.0.0.?'), '10.0.0.55'), 'unknown');
    assert.equal(verdict(line('10.0.0.*,!10.0.0.5'), '10.0.0.5'), 'unknown');
    assert.equal(verdict(line('10x0.0.5'), '10.0.0.5'), 'unknown');
  });

  it('finds hashed names', () => {
    const salt = Buffer.alloc(20, 7);
    const hash = createHmac('sha1', salt).update('[nas.local]:2222').digest('base64');
    const hashed = line(`|1|${salt.toString('base64')}|${hash}`);
    assert.equal(verdict(hashed, 'nas.local', 2222), 'known');
    assert.equal(verdict(hashed, 'nas.local', 22), 'unknown');
    assert.equal(verdict(line('|2|x|y'), 'nas.local'), 'unknown');
  });

  it('tells a changed key from an unknown server, and believes no revoked key', () => {
    assert.equal(verdict(line('nas', OTHER), 'nas'), 'changed');
    assert.equal(verdict(`${line('nas', OTHER)}\n${line('nas')}`, 'nas'), 'known');
    assert.equal(verdict(`${line('nas')}\n@revoked ${line('*')}`, 'nas'), 'revoked');
    assert.equal(verdict(`@revoked ${line('nas', OTHER)}`, 'nas'), 'unknown');
  });

  it('skips comments, authorities and lines that are cut', () => {
    const text = `# ${line('nas')}\n\n@cert-authority ${line('nas')}\nnas ssh-ed25519\nnas\n`;
    assert.equal(verdict(text, 'nas'), 'unknown');
    assert.equal(verdict(`${text}  ${line('nas')} comment\r\n`, 'nas'), 'known');
  });

  it('asks first for the types that are known', () => {
    const known = keysOf(line('nas', keyOf('ssh-rsa', 1)), 'nas');
    assert.deepEqual(hostKeyAlgorithms(known).slice(0, 3), ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']);
    assert.equal(hostKeyAlgorithms([])[0], 'ssh-ed25519');
  });

  it('reads the type of a key that is cut or hostile', () => {
    assert.equal(typeOfKey(KEY), 'ssh-ed25519');
    assert.equal(typeOfKey(Buffer.alloc(3)), '');
    assert.ok(typeOfKey(Buffer.alloc(500, 255)).length <= 64);
  });
});
