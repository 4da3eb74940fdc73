import assert from 'node:assert/strict';
import { PASSWORD_HASH, TOKEN_HASH } from '../../../src/config/web.js';
import { hashPassword, PasswordCheck } from '../../../src/web/passwords.js';
import { hashToken, makeToken, scopesOfToken } from '../../../src/web/tokens.js';
import { failsWith } from '../../conformance/support.js';

describe('a password', () => {
  it('matches its hash and no other, which says nothing of it', async () => {
    const hash = await hashPassword('correct horse');
    assert.match(hash, PASSWORD_HASH);
    assert.doesNotMatch(hash, /horse/);
    assert.notEqual(await hashPassword('correct horse'), hash);
    const check = new PasswordCheck(hash);
    const tried = await Promise.all(
      ['correct horse', 'correct horsE', '', 'x'.repeat(100_000)].map(word => check.matches(word)),
    );
    assert.deepEqual(tried, [true, false, false, false]);
  });

  it('is the same in each way to write its letters', async () => {
    const check = new PasswordCheck(await hashPassword('caf\u00e9 12345'));
    assert.ok(await check.matches('cafe\u0301 12345'));
  });

  const salt = 'A'.repeat(22);
  const hash = 'B'.repeat(43);
  for (const [what, text] of [
    ['a plain password', 'hunter2hunter2'],
    ['a cost that takes gigabytes', `$scrypt$ln=24,r=8,p=1$${salt}$${hash}`],
    ['a cost that takes minutes', `$scrypt$ln=15,r=8,p=99$${salt}$${hash}`],
    ['no cost', `$scrypt$ln=15,r=0,p=1$${salt}$${hash}`],
    ['another scheme', `$argon2id$v=19$m=65536,t=3,p=4$${salt}$${hash}`],
  ] as const)
    it(`is refused as ${what}`, async () => {
      const { message } = await failsWith(async () => new PasswordCheck(text), 'config');
      assert.match(message, /^web\.password: .*run `filesync password`/);
      assert.ok(!message.includes(text));
    });
});

describe('a token', () => {
  const token = makeToken();
  const tokens = [
    { name: 'other', hash: hashToken(makeToken()), scopes: ['operate' as const] },
    { name: 'grafana', hash: hashToken(token), scopes: ['metrics' as const] },
  ];

  it('is long and random, and its hash is what the configuration takes', () => {
    assert.match(token, /^fs_[\w-]{43}$/);
    assert.notEqual(makeToken(), token);
    assert.match(hashToken(token), TOKEN_HASH);
  });

  it('has the scopes of its own hash', () => {
    assert.deepEqual(scopesOfToken(`Bearer ${token}`, tokens), ['metrics']);
    assert.deepEqual(scopesOfToken(`bearer  ${token}`, tokens), ['metrics']);
    for (const wrong of [
      '',
      token,
      `Basic ${token}`,
      `Bearer ${token}x`,
      `Bearer ${tokens[1]?.hash}`,
      'Bearer ',
    ])
      assert.equal(scopesOfToken(wrong, tokens), undefined, wrong);
  });
});
