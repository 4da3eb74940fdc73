import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { parseChallenges } from '../../../src/devices/http/challenges.js';
import { Credentials } from '../../../src/devices/http/credentials.js';
import { assertLinear } from '../../servers/growth.js';

const URL_OF_FILE = new URL('http://files.test/dav/a%20b?c');

/** The header with which a challenge is answered; undefined if it is not. */
function answerTo(challenge: string): string | undefined {
  const credentials = new Credentials({ user: 'pilot', password: 'secret-1' });
  return credentials.challenged(challenge, undefined)
    ? credentials.header('PROPFIND', URL_OF_FILE)
    : undefined;
}

/** The hash of RFC 7616 section 3.4.1, computed from the answer's own parameters. */
function expected(header: string, algorithm: string, isSession = false): string {
  const [challenge] = parseChallenges(header);
  const get = (name: string): string => challenge?.parameters.get(name) ?? '';
  const hash = (text: string): string => createHash(algorithm).update(text).digest('hex');
  const plain = hash(`pilot:${get('realm')}:secret-1`);
  const secret = isSession ? hash(`${plain}:${get('nonce')}:${get('cnonce')}`) : plain;
  const request = hash(`PROPFIND:${get('uri')}`);
  const middle = get('qop') === '' ? '' : `${get('nc')}:${get('cnonce')}:${get('qop')}:`;
  return hash(`${secret}:${get('nonce')}:${middle}${request}`);
}

describe('challenges of a web server', () => {
  const cases: [challenge: string, realm: string, algorithm: string, isSession?: boolean][] = [
    ['Digest realm="A", nonce="n1", qop="auth"', 'A', 'md5'],
    ['Digest realm="A", nonce="n1"', 'A', 'md5'],
    ['Digest realm="A", nonce="n1", qop="auth", Basic realm="B"', 'A', 'md5'],
    ['Basic realm="B", Digest realm="A", nonce="n1", qop="auth"', 'A', 'md5'],
    ['Digest realm="A", algorithm=SHA-256, nonce="n2", qop="auth", Digest realm="A", algorithm=MD5, nonce="n1", qop="auth"', 'A', 'sha256'],
    ['Digest realm="A", algorithm=MD5, nonce="n1", qop="auth", Digest realm="C", algorithm=SHA-256, nonce="n2", qop="auth"', 'A', 'md5'],
    ['Digest realm="X", algorithm=NEW, nonce="n0", Digest realm="A", algorithm="SHA-256", nonce="n2", qop="auth"', 'A', 'sha256'],
    ['Digest realm="A, \\"B\\"", nonce="n1", qop="auth,auth-int"', 'A, "B"', 'md5'],
    ['Negotiate, NTLM TlRMTVNTUAAB==, Digest qop="auth",algorithm=MD5-sess,nonce="n1",charset=utf-8,realm="A", Basic realm="B"', 'A', 'md5', true],
  ]; // prettier-ignore
  for (const [challenge, realm, algorithm, isSession] of cases) {
    it(`answers ${challenge}`, () => {
      const header = answerTo(challenge);
      assert.ok(header !== undefined && header.startsWith('Digest '), header);
      const { parameters } = parseChallenges(header)[0] ?? {};
      assert.equal(parameters?.get('realm'), realm);
      assert.equal(parameters?.get('uri'), '/dav/a%20b?c');
      assert.equal(parameters?.get('response'), expected(header, algorithm, isSession));
    });
  }

  it('answers with Basic where no digest is supported', () => {
    const basic = `Basic ${Buffer.from('pilot:secret-1').toString('base64')}`;
    for (const challenge of [
      'Bearer realm="Nextcloud", Basic realm="Nextcloud", charset="UTF-8"',
      'Digest realm="A", nonce="n", qop="auth-int", Basic realm="B"',
      'basic',
    ])
      assert.equal(answerTo(challenge), basic);
  });

  it('answers nothing else', () => {
    for (const challenge of ['', 'Bearer realm="Basic"', 'Negotiate', 'Digest realm="no nonce"', '=,=,'])
      assert.equal(answerTo(challenge), undefined, challenge);
  });

  it('is answered once, unless the nonce has expired', () => {
    const credentials = new Credentials({ user: 'pilot', password: 'secret-1' });
    const challenge = 'Digest realm="A", nonce="n1", qop="auth"';
    assert.ok(credentials.challenged(challenge, undefined));
    const [first, second] = ['GET', 'GET'].map(method => credentials.header(method, URL_OF_FILE));
    assert.match(first ?? '', /nc=00000001/);
    assert.match(second ?? '', /nc=00000002/);
    assert.equal(credentials.challenged(challenge, first), false);
    assert.ok(credentials.challenged(`${challenge}, stale=true`, first));
  });

  for (const piece of ['a', 'a=', 'a="', '"', ',', ' ', 'Digest ', 'a=\\"', 'a="\\']) {
    it(`takes linear time for ${JSON.stringify(piece)} again and again`, () =>
      assertLinear(length => piece.repeat(length / piece.length), answerTo));
  }
});
