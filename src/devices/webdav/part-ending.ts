import { PART_ENDINGS, partName, type PartEnding } from '../part-names.js';
import type { WebClient, WebReply } from '../web-client/client.js';
import { statOf } from './folder.js';
import type { RequestScope } from '../web-client/scope.js';

/** Refusals that can be meant for a name. */
const REFUSES_NAME: readonly number[] = [400, 403, 405, 409, 415, 422];

/**
 * The first ending of the names of partial uploads that the server accepts and shows: Nextcloud refuses `.part`, older
 * versions of ownCloud accept and hide it. Each is tried with a file of one byte, which is removed. Its name has the `token` of the
 * file that is to be sent: one that a killed program has left is removed by the next attempt of that file. Rejects with the
 * server's refusal if it accepts none.
 */
export async function findPartEnding(
  client: WebClient,
  folder: readonly string[],
  token: string,
  scope: RequestScope,
): Promise<PartEnding> {
  let refused: WebReply | undefined;
  for (const ending of PART_ENDINGS) {
    const names = [...folder, partName('trial', token, ending)];
    const headers = { 'Content-Length': '1' };
    const reply = await client.ask({ method: 'PUT', names, headers, body: 'F', ...scope });
    if (reply.status >= 300 && !REFUSES_NAME.includes(reply.status))
      throw client.refusal(reply, scope.details);
    const isShown = reply.status < 300 && (await statOf(client, names, scope))?.size === 1;
    if (reply.status < 300) await client.ask({ method: 'DELETE', names, ...scope });
    if (isShown) return ending;
    if (reply.status >= 300) refused = reply;
  }
  if (refused) throw client.refusal(refused, scope.details);
  return PART_ENDINGS[0];
}
