import assert from 'node:assert/strict';
import { findingOf } from '../../../src/devices/http/success.js';

describe('an answer with a status of success', () => {
  for (const [body, expected] of [
    ['', 'stored'],
    ['stored', 'stored'],
    ['{"success":true}', 'stored'],
    ['{"success":1,"error":null,"errors":[]}', 'stored'],
    ['{"success":true,"error":""}', 'stored'],
    ['{"success":true,"errors":{}}', 'stored'],
    ['{"errors":{"file":["too large"]}}', 'refused'],
    ['{"error":{}}', 'refused'],
    ['{"error":[]}', 'refused'],
    ['{"status":"ok"}', 'stored'],
    ['{"status":200}', 'stored'],
    ['{"id":7,"no":0}', 'stored'],
    ['{"success":false}', 'refused'],
    ['{"success":"false"}', 'refused'],
    ['{"success":"False"}', 'refused'],
    ['{"success":0}', 'refused'],
    ['{"ok":"no"}', 'refused'],
    ['\ufeff{"success":false}', 'refused'],
    ['{"errors":["quota"]}', 'refused'],
    ['{"error":["quota"]}', 'refused'],
    ['{"status":"rejected"}', 'refused'],
    ['{"status":"ERR"}', 'refused'],
    ['{"status":500,"message":"no"}', 'refused'],
    ['<meta http-equiv=refresh content="0; url=http://portal/">', 'login'],
    ["<META HTTP-EQUIV='Refresh' content='0; url=/login'>", 'login'],
  ] as const)
    it(`${JSON.stringify(body)} means ${expected}`, () =>
      assert.equal(findingOf({ status: 200, body }, undefined), expected));
});
