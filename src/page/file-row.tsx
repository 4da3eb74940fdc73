import { folderOf, moment, nameOf, size } from './format.js';
import { link } from './router.js';
import { StateBadge } from './ui.js';
import { waitLine } from './waits.js';
import type { File } from './types.js';

/** A file in a list, with what there is to say about it in two lines. */
export function FileRow({ file }: { file: File }) {
  const { id, path, device, size: bytes, found_at: found } = file;
  const folder = folderOf(path);
  const note = waitLine(file);
  return (
    <a class="file-row" href={link('file', id)}>
      <span class="file-name">
        <span class="line-title">{nameOf(path)}</span>
        <span class="line-text">
          {device}
          {folder && ` / ${folder}`}
        </span>
      </span>
      <span class="file-note">{note}</span>
      <span class="file-size">{size(bytes)}</span>
      <time class="file-time" dateTime={found}>
        {moment(found)}
      </time>
      <StateBadge state={file.state} />
    </a>
  );
}
