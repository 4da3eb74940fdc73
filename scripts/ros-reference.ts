import { readdir, readFile } from 'node:fs/promises';

// The tables of docs/ROS.md, from the very files that ROS's own generators read.

export interface Field {
  readonly type: string;
  readonly name: string;
  /** A constant's; undefined for a field. */
  readonly value?: string;
  readonly comment: string;
}

/** A block of a .msg file, or of a .srv file between `---`. */
export interface Section {
  /** What stands before the first field. */
  readonly comment: string;
  readonly fields: readonly Field[];
}

export interface Interface {
  /** `filesync/msg/FileState`. */
  readonly name: string;
  /** One for a message; request and response for a service. */
  readonly sections: readonly Section[];
}

/** What a folder of .msg or .srv files defines, by name. */
export async function readInterfaces(folder: URL): Promise<readonly Interface[]> {
  const files = (await readdir(folder)).sort();
  return Promise.all(
    files.map(async file => {
      const [name = '', kind = ''] = file.split('.');
      const text = await readFile(new URL(file, folder), 'utf8');
      return { name: `filesync/${kind}/${name}`, sections: text.split(/^---$/m).map(parseSection) };
    }),
  );
}

const LINE = /^(?<type>\S+)\s+(?<name>\w+)(?:\s*=\s*(?<value>[^#]*?))?\s*(?:#\s*(?<comment>.*))?$/;

function parseSection(text: string): Section {
  const lines = text.split('\n').filter(line => line.trim() !== '');
  const remarks = lines.filter(line => line.startsWith('#')).map(line => line.slice(1).trim());
  return { comment: remarks.join(' '), fields: lines.filter(line => !line.startsWith('#')).map(parseField) };
}

function parseField(line: string): Field {
  const { groups } = LINE.exec(line) ?? {};
  if (!groups) throw new Error(`not a field: ${line}`);
  const { type = '', name = '', value, comment = '' } = groups;
  return { type, name, comment, ...(value !== undefined && { value }) };
}

/** Every message and service as Markdown. */
export function rosReference(interfaces: readonly Interface[]): string {
  return interfaces.map(describe).join('\n\n');
}

function describe({ name, sections }: Interface): string {
  const [first, second] = sections;
  const heading = `### \`${name}\`\n\n${first?.comment}`;
  if (!second) return [heading, tables(first)].join('\n\n');
  return [heading, `Request:`, tables(first), 'Response:', tables(second)].join('\n\n');
}

function tables(section: Section | undefined): string {
  const all = section?.fields ?? [];
  const constants = all.filter(({ value }) => value !== undefined);
  const fields = all.filter(({ value }) => value === undefined);
  const parts = [
    table(
      ['constant', 'value', ''],
      constants.map(({ name, value = '', comment }) => [code(name), value, comment]),
    ),
    table(
      ['field', 'type', ''],
      fields.map(({ name, type, comment }) => [code(name), code(type), comment]),
    ),
  ];
  return parts.filter(Boolean).join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

const code = (text: string) => `\`${text}\``;
