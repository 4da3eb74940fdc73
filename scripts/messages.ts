import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';

/** A message of an error, as a person reads it; `…` stands for what differs from case to case. */
export interface Message {
  /** The folder or file below src/ that reports it. */
  readonly room: string;
  readonly text: string;
}

const KINDS =
  /^(unavailable|denied|not-found|exists|bad-name|no-space|too-large|corrupt|changed|busy|cancelled|unsupported|config|io|internal)$/;
/** What follows these marks says what to do. */
const REMEDY = /[a-z…)"`][:;] [a-z`"…]|, or (name|raise|repair|lower|give)|\bmust be\b|did you mean/;
/** Of the words of a message, without what differs from case to case. */
const MIN_LENGTH = 24;

/** Every message in the sources that names a remedy, by room. */
export async function remedies(root: URL): Promise<Message[]> {
  const names = (await readdir(root, { recursive: true })).filter(name => name.endsWith('.ts')).sort();
  const messages = await Promise.all(
    names.map(async name => {
      const text = await readFile(new URL(name.split('/').map(encodeURIComponent).join('/'), root), 'utf8');
      const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
      return textsIn(source).map(message => ({ room: roomOf(name), text: message }));
    }),
  );
  const found = messages
    .flat()
    .filter(({ text }) => text.replaceAll('…', '').length >= MIN_LENGTH && REMEDY.test(text));
  const unique = new Map(found.map(message => [`${message.room} ${message.text}`, message]));
  return [...unique.values()].sort((a, b) => compare(a.room, b.room) || compare(a.text, b.text));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `devices/ftp` for devices/ftp/errors.ts and devices/ftp.ts; `cli` for cli/check.ts. */
function roomOf(name: string): string {
  const [room = '', part = ''] = name.replace(/\.ts$/, '').split('/');
  return room === 'devices' || room === 'ros' ? join(room, part) : room;
}

/** The texts of errors: what FileSyncError is made with, and the entries `[kind, text]` of error tables. */
function textsIn(source: ts.SourceFile): string[] {
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) && node.expression.getText() === 'FileSyncError')
      texts.push(...valuesOf(node.arguments?.[1], source));
    if (ts.isArrayLiteralExpression(node) && isKind(node.elements[0]))
      texts.push(...valuesOf(node.elements[1], source));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return texts;
}

const isKind = (node: ts.Node | undefined): boolean =>
  node !== undefined && ts.isStringLiteral(node) && KINDS.test(node.text);

/** The texts that an expression may have. */
function valuesOf(node: ts.Node | undefined, source: ts.SourceFile, depth = 0): string[] {
  if (!node || depth > 4) return ['…'];
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node)) return [templateText(node, source, depth)];
  if (ts.isConditionalExpression(node))
    return [node.whenTrue, node.whenFalse].flatMap(part => valuesOf(part, source, depth + 1));
  if (ts.isIdentifier(node)) return constantOf(node.text, source, depth);
  return ['…'];
}

function templateText(node: ts.TemplateExpression, source: ts.SourceFile, depth: number): string {
  const parts = node.templateSpans.map(({ expression, literal }) => {
    const [value = '…', ...others] = valuesOf(expression, source, depth + 1);
    return (others.length > 0 ? '…' : value) + literal.text;
  });
  return node.head.text + parts.join('');
}

/** A constant of the same file. */
function constantOf(name: string, source: ts.SourceFile, depth: number): string[] {
  const found: ts.Expression[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.name.getText() === name && node.initializer)
      found.push(node.initializer);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.length === 1 ? valuesOf(found[0], source, depth + 1) : ['…'];
}

/** As the part of docs/TROUBLESHOOTING.md between its marks. */
export function messageList(messages: readonly Message[]): string {
  const rooms = [...new Set(messages.map(({ room }) => room))];
  return rooms
    .map(room => {
      const texts = messages.filter(message => message.room === room).map(({ text }) => quoted(text));
      return [`| ${room} |`, '|---|', ...texts.map(text => `| \`${text}\` |`)].join('\n');
    })
    .join('\n\n');
}

const quoted = (text: string): string =>
  text.replaceAll('`', "'").replaceAll('\n', ' ').replaceAll('|', '\\|');
