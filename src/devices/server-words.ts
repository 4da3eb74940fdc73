const MAX_LENGTH = 200;

/** The text, with `***` in the place of each secret: some servers repeat the command or the header that they refuse. */
export function masked(text: string, secrets: Iterable<string>): string {
  return [...secrets].reduce((words, secret) => (secret ? words.replaceAll(secret, '***') : words), text);
}

/** A server's text for an error message: one line without markup, of at most 200 characters, its secrets masked. */
export function serverWords(said: string, secrets: Iterable<string> = []): string {
  const text = said
    .replace(/<(script|style)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  const words = masked(text, secrets);
  return words.length > MAX_LENGTH ? `${words.slice(0, MAX_LENGTH - 1)}…` : words;
}
