import type { ErrorTable, Meaning } from '../error-table.js';
import { PROXY_REFUSED } from '../http/refusal.js';
import { refusalsBy } from '../web-client/errors.js';

const BUSY: Meaning = ['busy', 'cannot take it now'];
const NO_TUS: Meaning = ['protocol', 'has no tus server there: check url'];
const LOGIN: Meaning = ['denied', 'refused the login: check user and password, or headers'];

/** tus 1.0.0, RFC 9110 section 15. The words follow the server's name. */
const STATUS: ErrorTable = {
  codes: {
    401: LOGIN,
    403: LOGIN,
    404: NO_TUS,
    405: NO_TUS,
    407: PROXY_REFUSED,
    408: BUSY,
    409: ['changed', 'has another part of the file by now'],
    410: ['changed', 'has dropped the unfinished upload: it is sent from the start'],
    412: ['unsupported', 'speaks another version of tus than 1.0.0: renew it'],
    413: [
      'too-large',
      'does not take a file of that size: raise the limit there, or leave such files out of the rule',
    ],
    415: NO_TUS,
    423: ['busy', 'is still busy with an earlier attempt'],
    425: BUSY,
    429: BUSY,
    507: ['no-space', 'is full: free space there'],
  },
  classes: {
    3: ['protocol', 'redirects uploads to another address: set url to that one'],
    4: ['rejected', 'refused the file'],
    5: BUSY,
  },
};

export const toTusError = refusalsBy(STATUS);
