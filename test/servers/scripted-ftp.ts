import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Replies to commands, by the whole line or its first word. Default: 200. */
export type Script = Readonly<Record<string, string>>;

/** Returns which of the lines that were received together are answered; undefined closes the connection. */
export type Taking = (lines: readonly string[]) => readonly string[] | undefined;

/** An FTP server with scripted replies, which sends over data connections what `data` has for a command. */
export async function scriptedFtp(
  script: Script,
  greeting = '220 ready',
  data: Script = {},
  take: Taking = lines => lines,
): Promise<{ port: number; server: Server }> {
  const server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => undefined).setEncoding('utf8');
    socket.write(`${greeting}\r\n`);
    let send: ((text: string) => Promise<void>) | undefined;
    const answer = async (line: string): Promise<string> => {
      const [command = ''] = line.split(' ');
      const reply = script[line] ?? script[command];
      if (command === 'EPSV' && Object.keys(data).length > 0) {
        const passive = await dataConnection();
        send = passive.send;
        return `229 entered (|||${passive.port}|)`;
      }
      const text = data[line] ?? data[command];
      if (text === undefined || !send) return reply ?? '200 ok';
      socket.write('150 here it comes\r\n');
      await send(text);
      return reply ?? '226 done';
    };
    let last = Promise.resolve();
    socket.on('data', (text: string) => {
      const lines = take(text.split('\r\n').filter(Boolean));
      if (!lines) socket.destroy();
      for (const line of lines ?? []) {
        last = last.then(
          async () => void socket.write(`${(await answer(line)).replace('{line}', line)}\r\n`),
        );
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, server };
}

/** Waits for one connection; `send` sends the text over it (each character is a byte). */
async function dataConnection(): Promise<{ port: number; send: (text: string) => Promise<void> }> {
  const passive = createServer().listen(0, '127.0.0.1');
  await once(passive, 'listening');
  const connected = once(passive, 'connection').then(([socket]: Socket[]) => {
    passive.close();
    return socket?.on('error', () => undefined).resume();
  });
  const send = async (text: string) => void (await connected)?.end(text, 'latin1');
  return { port: (passive.address() as AddressInfo).port, send };
}
