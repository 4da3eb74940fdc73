/**
 * Control characters, line ends, and characters that are invisible: such as reverse the direction of text, or have no width.
 * Combining marks and private characters are not among them.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Text for a terminal: a file's name or a server's message may hold escape sequences, line ends, and characters that make one name
 * look like another. They are written as `\x1b` and `\u202e`. JSON keeps them.
 */
export function plain(text: string): string {
  return text.replace(INVISIBLE, char =>
    /\p{Cc}/u.test(char)
      ? `\\x${hex(char, 2)}`
      : [...Array(char.length).keys()].map(at => `\\u${hex(char[at], 4)}`).join(''),
  );
}

const hex = (unit = '', digits: number): string => unit.charCodeAt(0).toString(16).padStart(digits, '0');
