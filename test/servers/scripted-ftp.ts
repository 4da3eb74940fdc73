import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

/** Replies to commands, by the command's first word; what is missing is answered with 200. */
export type Script = Readonly<Record<string, string>>;

/** An FTP server that says what it is told to say, and has no data connections. */
export async function scriptedFtp(
  script: Script,
  greeting = '220 ready',
): Promise<{ port: number; server: Server }> {
  const server = createServer(socket => {
    socket.on('error', () => undefined).setEncoding('utf8');
    socket.write(`${greeting}\r\n`);
    socket.on('data', (text: string) => {
      for (const line of text.split('\r\n').filter(Boolean)) {
        const reply = script[line.split(' ')[0] ?? ''] ?? '200 ok';
        socket.write(`${reply.replace('{line}', line)}\r\n`);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, server };
}
