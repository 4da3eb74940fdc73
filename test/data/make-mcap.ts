import { McapWriter, TempBuffer } from '@mcap/core';

/** A recording of 30 s, with two topics, in three chunks and as ROS 2 names it: 2026-07-02 09:30 UTC. */
export async function bag(): Promise<Uint8Array> {
  const file = new TempBuffer();
  const writer = new McapWriter({ writable: file, chunkSize: 500 });
  await writer.start({ profile: 'ros2', library: 'sample' });
  const schema = { name: 'std_msgs/msg/String', encoding: 'ros2msg', data: Buffer.from('string data\n') };
  const schemaId = await writer.registerSchema(schema);
  const channels = ['/chatter', '/status'].map(topic =>
    writer.registerChannel({ schemaId, topic, messageEncoding: 'cdr', metadata: new Map() }),
  );
  const [chatter = 0, status = 0] = await Promise.all(channels);
  const start = BigInt(Date.UTC(2026, 6, 2, 9, 30)) * 1_000_000n;
  for (let second = 0; second <= 30; second++) {
    const logTime = start + BigInt(second) * 1_000_000_000n;
    const message = { sequence: second, logTime, publishTime: logTime, data: Buffer.from('hello') };
    await writer.addMessage({ channelId: second % 3 === 0 ? status : chatter, ...message });
  }
  await writer.end();
  return file.get();
}
