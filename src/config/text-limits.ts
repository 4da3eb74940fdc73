import type { Position } from './issues.js';

/** No configuration comes near these; the parser needs seconds, or all memory, for texts beyond them. */
const MAX_LINES = 10_000;
const MAX_LINE_CHARACTERS = 10_000;
const MAX_DEPTH = 100;

/** Why the text is not parsed at all; undefined if it may be. */
export function excessOf(
  text: string,
): { readonly message: string; readonly position: Position } | undefined {
  const lines = text.split('\n', MAX_LINES + 1);
  let brackets = 0;
  for (const [index, line] of lines.entries()) {
    const message = index === MAX_LINES ? TOO_MANY_LINES : excessOfLine(line, brackets);
    if (message !== undefined) return { message, position: { line: index + 1, column: 1 } };
    brackets = openBrackets(line, brackets);
  }
  return undefined;
}

function excessOfLine(line: string, brackets: number): string | undefined {
  if (line.length > MAX_LINE_CHARACTERS) return TOO_LONG;
  const [lead = ''] = /^[\s?:-]*/.exec(line) ?? [];
  const isDeep = lead.length > 2 * MAX_DEPTH || openBrackets(line, brackets) > MAX_DEPTH;
  return isDeep ? TOO_DEEP : undefined;
}

/** The number of brackets that are open at the end of the line, wherever they stand, and the highest one on the way. */
function openBrackets(line: string, before: number): number {
  let open = before;
  for (const character of line) {
    if (character === '[' || character === '{') open += 1;
    if ((character === ']' || character === '}') && open > 0) open -= 1;
    if (open > MAX_DEPTH) return open;
  }
  return open;
}

const TOO_MANY_LINES = `more than ${MAX_LINES} lines: this is not a configuration of FileSync`;
const TOO_LONG = `a line of more than ${MAX_LINE_CHARACTERS} characters: put long texts into files of their own`;
/** Also for texts that the parser gives up for their depth. */
export const TOO_DEEP = `nested more than ${MAX_DEPTH} levels deep: a configuration needs five; check brackets and indentation`;
