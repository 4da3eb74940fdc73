/** One server-sent event. */
export interface StreamEvent {
  /** Empty where the server sent none. */
  readonly id: string;
  readonly type: string;
  /** Empty where the server sent an id alone. */
  readonly data: string;
}

/** Reads server-sent events (HTML standard, section 9.2.6); undefined for each comment, which shows that the server is there. */
export async function* readEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<StreamEvent | undefined> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? '';
      for (const block of blocks) yield eventOf(block);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function eventOf(block: string): StreamEvent | undefined {
  const fields = new Map<string, string[]>();
  for (const line of block.split(/\r?\n/)) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  if (!fields.has('data') && !fields.has('id')) return undefined;
  const last = (name: string, otherwise: string) => fields.get(name)?.at(-1) ?? otherwise;
  return { id: last('id', ''), type: last('event', 'message'), data: (fields.get('data') ?? []).join('\n') };
}
