const MAX_LENGTH = 200;

/**
 * What a server said, fit for an error message: one line without markup, of at most 200 characters, in which every
 * secret is replaced by `***` (some servers repeat the command or the header that they refuse).
 */
export function serverWords(said: string, secrets: Iterable<string> = []): string {
  const text = said
    .replace(/<(script|style)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  const masked = [...secrets].reduce(
    (words, secret) => (secret ? words.replaceAll(secret, '***') : words),
    text,
  );
  return masked.length > MAX_LENGTH ? `${masked.slice(0, MAX_LENGTH - 1)}…` : masked;
}
