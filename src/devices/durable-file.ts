import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes a small file that only its user may read; after a crash it has the old text or the new one. Its folder is made. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.part`;
  await using file = await open(part, 'w', 0o600);
  await file.writeFile(text);
  await file.sync();
  await rename(part, path);
}
