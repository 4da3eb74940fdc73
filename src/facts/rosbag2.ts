import { CST, Lexer, Parser } from 'yaml';
import type { FileFacts } from '../file-facts.js';
import { readBytes } from './read-bytes.js';
import { HEAD_BYTES, type FactReader } from './reader.js';
import { Turns } from './turns.js';

const NAME = 'metadata.yaml';
const ROOT = 'rosbag2_bagfile_information';
/** Some hundred topics with their QoS need half of it. */
const MAX_BYTES = 1024 * 1024;
/** Tokens: each is kept as an object of some hundred bytes. A bag of 500 topics, each with its QoS, has half of it. */
const MAX_TOKENS = 200_000;
/** Lists and maps in brackets count as so many: a bag has a few for each topic, and those within each other take long. */
const BRACKET_TOKENS = 20;
const TOO_LARGE = 'it is too large for the metadata of a bag';

/** The `metadata.yaml` of a ROS 2 bag (rosbag2_storage, BagMetadata). */
export const rosbag2: FactReader = {
  format: 'rosbag2',
  matches: (name, head) =>
    name.slice(name.lastIndexOf('/') + 1) === NAME && Buffer.from(head).includes(`${ROOT}:`),
  async read(file, { signal }) {
    if (file.size > MAX_BYTES) return { format: 'rosbag2', note: TOO_LARGE };
    const text = (await readBytes(file, 0, MAX_BYTES, signal)).toString();
    const document = await documentIn(text, new Turns(signal));
    if (document === 'too-large') return { format: 'rosbag2', note: TOO_LARGE };
    const root = valueIn(document?.value, ROOT);
    if (!root) return { format: 'rosbag2', note: `it has no ${ROOT}, or is damaged` };
    return factsIn(root);
  },
};

/** The bag's files as its metadata lists them. */
export interface ListedFiles {
  /** Of the metadata's format. */
  readonly version: number;
  /** `relative_file_paths`, unchecked: relative to the folder of the bag; before version 4, to the folder around it. */
  readonly paths: readonly string[];
}

/** Whether a text looks like the metadata of a bag. */
export const isBagMetadata = (text: string): boolean => text.slice(0, HEAD_BYTES).includes(`${ROOT}:`);

/** Which files a bag has; undefined: the metadata is damaged. Rejects with `cancelled` when the signal aborts. */
export async function listedFiles(
  text: string,
  signal: AbortSignal,
): Promise<ListedFiles | 'too-large' | undefined> {
  const document = await documentIn(withoutDetails(text), new Turns(signal));
  if (document === 'too-large') return document;
  const root = valueIn(document?.value, ROOT);
  const list = valueIn(root, 'relative_file_paths');
  if (list?.type !== 'block-seq' && list?.type !== 'flow-collection') return undefined;
  const paths = list.items.filter(({ value }) => value).map(({ value }) => textOf(value));
  const version = Number(textOf(valueIn(root, 'version')));
  return paths.every(path => path !== undefined) ? { version, paths } : undefined;
}

/** Without what it says of each file, as rosbag2 writes it: that is most of a long list, and there is a limit on what is parsed. */
function withoutDetails(text: string): string {
  const begin = text.search(/^ {2}files:[ \t]*$/m);
  if (begin < 0) return text;
  const rest = text.slice(begin + 1);
  const end = rest.search(/^ {2}[a-z]/m);
  return text.slice(0, begin) + (end < 0 ? '' : rest.slice(end));
}

/** Parsed without its tree of nodes being made, since that takes long, and gives no turns to others. */
async function documentIn(text: string, turns: Turns): Promise<CST.Document | 'too-large' | undefined> {
  const parser = new Parser();
  let tokens = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens += lexeme === '[' || lexeme === '{' ? BRACKET_TOKENS : 1;
    if (tokens > MAX_TOKENS) return 'too-large';
    for (const token of parser.next(lexeme)) if (token.type === 'document') return token;
    if (turns.due) await turns.pause();
  }
  for (const token of parser.end()) if (token.type === 'document') return token;
  return undefined;
}

function factsIn(root: CST.Token): FileFacts {
  const topics = valueIn(root, 'topics_with_message_count');
  return {
    format: 'rosbag2',
    profile: 'ros2',
    ...number('start', valueIn(valueIn(root, 'starting_time'), 'nanoseconds_since_epoch'), 1e6),
    ...number('duration', valueIn(valueIn(root, 'duration'), 'nanoseconds'), 1e6),
    ...(topics && 'items' in topics && { topics: topics.items.filter(item => item.value).length }),
    ...number('messages', valueIn(root, 'message_count')),
  };
}

/** The value of a key of a map. */
function valueIn(map: CST.Token | null | undefined, key: string): CST.Token | undefined {
  if (map?.type !== 'block-map' && map?.type !== 'flow-collection') return undefined;
  return map.items.find(item => textOf(item.key) === key)?.value ?? undefined;
}

/** Of a scalar; undefined where it is not one, or is damaged, such as by an escape that YAML does not have. */
function textOf(token: CST.Token | null | undefined): string | undefined {
  let isDamaged = false;
  const text = token ? CST.resolveAsScalar(token, true, () => (isDamaged = true))?.value : undefined;
  return isDamaged ? undefined : text;
}

/** Numbers are nanoseconds: more than a double holds exactly, but not by a microsecond. */
function number<Name extends string>(name: Name, token: CST.Token | undefined, unit = 1) {
  const text = textOf(token);
  const value = text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) / unit : undefined;
  return (value === undefined ? {} : { [name]: value }) as Partial<Record<Name, number>>;
}
