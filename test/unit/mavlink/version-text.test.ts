import assert from 'node:assert/strict';
import { uidText } from '../../../src/mavlink/version-text.js';

const none = new Uint8Array(8);
const none2 = new Uint8Array(18);

describe('the unique id of an autopilot', () => {
  it('is what PX4 writes into its logs: the bytes of uid2 in their order', () => {
    const uid2 = Uint8Array.from({ length: 18 }, (_, index) => index);
    assert.equal(uidText({ uid: none, uid2 }), '000102030405060708090a0b0c0d0e0f1011');
  });

  it('is the number uid, which is sent from its lowest byte on, where there is no uid2', () => {
    const uid = Uint8Array.from([0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01]);
    assert.equal(uidText({ uid, uid2: none2 }), '0123456789abcdef');
  });

  it('is empty where the autopilot has neither', () => {
    assert.equal(uidText({ uid: none, uid2: none2 }), '');
  });
});
