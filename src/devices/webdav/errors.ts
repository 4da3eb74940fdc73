import type { ErrorTable, Meaning } from '../error-table.js';
import { PROXY_REFUSED } from '../http/refusal.js';
import { refusalsBy } from '../web-client/errors.js';

const BUSY: Meaning = ['busy', 'cannot serve now'];

/** RFC 9110 section 15, RFC 4918 section 11, RFC 6585. The words follow the server's name. */
const STATUS: ErrorTable = {
  codes: {
    400: ['protocol', 'does not understand the request: check that url is that of its WebDAV folder'],
    401: ['denied', 'refused the login: check user and password'],
    403: ['denied', 'forbids it: give the user the right to read, write, rename and delete there'],
    404: ['not-found', 'has no such file'],
    405: ['protocol', 'does not support that there: check that url is that of its WebDAV folder'],
    407: PROXY_REFUSED,
    408: BUSY,
    409: ['io', 'lacks the folder: it was removed in the meantime'],
    412: ['changed', 'has another file there by now'],
    413: [
      'too-large',
      'does not take a file of that size: raise the limit there (nginx: client_max_body_size)',
    ],
    414: ['bad-name', "cannot hold that name: change the rule's path"],
    416: ['changed', 'has a shorter file there by now'],
    423: ['busy', 'reports that the file is locked: another program has it open, or left a lock behind'],
    425: BUSY,
    429: ['busy', 'has had too many requests'],
    501: ['unsupported', 'does not support that'],
    507: ['no-space', 'is full: free space there, or raise the quota'],
  },
  classes: {
    3: ['protocol', 'redirects to another address: set url to that one'],
    4: ['rejected', 'refused'],
    5: BUSY,
  },
};

export const toDavError = refusalsBy(STATUS);
