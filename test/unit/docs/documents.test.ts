import assert from 'node:assert/strict';
import { access, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageList, remedies } from '../../../scripts/messages.js';
import { replacePart } from '../../../scripts/options-reference.js';

/** Beginnings and endings of words that the glossary has retired: they are joined only at run time, or this file would hold them. */
const RETIRED = [
  ...['Couri', 'Parc', 'Passa', 'Wordi', 'DeviceH', 'Ledg', 'Mann', 'Err', 'Refu', 'tellO', 'compl'],
  ...['giveW', 'orGiven', 'inBoth', 'besideN', 'lookF', 'distr', 'lets us', 'gives no file', 'is told the'],
  'could not be listed',
];
const ENDINGS = [
  ...['er', 'el', 'ge', 'ng', 'ub', 'er', 'ers', 'and', 'ser', 'nce', 'ain'],
  ...['ay', 'Back', 'Turns', 'ame', 'ully', 'ust', ' in', ' its name', ' password'],
  ' whole',
];
const MAX_PROSE = 120;
const MAX_TERMS = 25;
const MIN_QUESTIONS = 20;
const MIN_MESSAGES = 100;
const MAX_RECORDING_BYTES = 200_000;

async function filesBelow(folder: string, ending: RegExp): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(entry => entry.isFile() && ending.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** The rows of the table behind a heading, without its head. */
function tableBehind(text: string, heading: string): string[][] {
  const [, part = ''] = text.split(`\n## ${heading}\n`);
  const rows = (part.split('\n## ')[0] ?? '').split('\n').filter(line => line.startsWith('|'));
  return rows.slice(2).map(row => row.split('|').map(cell => cell.trim()));
}

describe('documents', () => {
  it('use no word of the old vocabulary, nor do sources and tests', async () => {
    const words = RETIRED.map((word, index) => word + ENDINGS[index]);
    const isPhrase = (word: string) => word.includes(' ');
    const patterns = words.map(word => new RegExp(isPhrase(word) ? word : `\\b#?${word}(?![a-z])`));
    const texts = [...(await filesBelow('src', /\.ts$/)), ...(await filesBelow('test', /\.ts$/))];
    texts.push(...(await filesBelow('docs', /\.md$/)), 'README.md', 'CONTRIBUTING.md', 'SECURITY.md');
    const found: string[] = [];
    for (const file of texts) {
      const text = await readFile(file, 'utf8');
      for (const pattern of patterns) if (pattern.test(text)) found.push(`${file}: ${pattern.source}`);
    }
    assert.deepEqual(found, []);
  });

  it('have no line of prose over 120 characters', async () => {
    const long: string[] = [];
    for (const file of [
      ...(await filesBelow('docs', /\.md$/)),
      'README.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'CHANGELOG.rst',
    ]) {
      const isProse = (line: string) =>
        line.length > MAX_PROSE && !/^(?: {4}|\s*[|<>]|\S+$)|https?:/.test(line);
      const lines = (await readFile(file, 'utf8')).replace(/^```[^]*?^```/gm, '').split('\n');
      long.push(...lines.filter(isProse).map(line => `${file}: ${line}`));
    }
    assert.deepEqual(long, []);
  });

  it('list every message that names a remedy (npm run docs)', async () => {
    const messages = await remedies(pathToFileURL(`${resolve('src')}/`));
    assert.ok(messages.length >= MIN_MESSAGES, `${messages.length} messages`);
    const document = await readFile('docs/TROUBLESHOOTING.md', 'utf8');
    assert.equal(document, replacePart(document, 'messages', messageList(messages)));
  });

  it('say for at least twenty decisions in which file they are made', async () => {
    const rows = tableBehind(await readFile('docs/ARCHITECTURE.md', 'utf8'), 'Where it is decided');
    assert.ok(rows.length >= MIN_QUESTIONS);
    for (const [, question = '', file = ''] of rows) {
      assert.match(question, /\?$/);
      await access(file.replaceAll('`', ''));
    }
  });

  it('show a recording of the terminal that is small, and has no script and no path of the machine it was made on', async () => {
    const recording = await readFile('docs/recording.svg', 'utf8');
    assert.ok(recording.length < MAX_RECORDING_BYTES, `${recording.length} bytes`);
    assert.doesNotMatch(recording, /<script|\son\w+=|\/tmp\/|\/root\/|filesync-e2e/);
    assert.ok(!recording.includes(process.cwd()));
    const shown = recording.replace(/<[^>]*>/g, '').replaceAll('\u00a0', ' ');
    for (const command of ['check', 'sync', 'status', 'files'])
      assert.match(shown, new RegExp(`^\\$ filesync ${command}$`, 'm'));
    assert.match(shown, /\d%.*B\/s +\S+ left$/m);
    assert.match(shown, /2 delivered, 0 unfinished/);
  });

  it('say of every room of the source what it is', async () => {
    const rows = tableBehind(await readFile('docs/ARCHITECTURE.md', 'utf8'), 'The rooms');
    const named = rows.flatMap(([, names = '']) =>
      [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    );
    const entries = await readdir('src', { withFileTypes: true });
    const rooms = entries.map(entry => `src/${entry.name}${entry.isDirectory() ? '/' : ''}`);
    assert.deepEqual(named.sort(), rooms.sort());
  });

  it('explain the terms of the project, at most twenty-five', async () => {
    const rows = tableBehind(await readFile('docs/ARCHITECTURE.md', 'utf8'), 'Glossary');
    assert.ok(rows.length > 0 && rows.length <= MAX_TERMS, `${rows.length} terms`);
  });
});
