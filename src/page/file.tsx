import { useEffect, useState } from 'preact/hooks';
import { edit, toForget } from './edits.js';
import { on } from './events.js';
import { Facts } from './facts.js';
import { folderOf, moment, nameOf, size } from './format.js';
import { Icon } from './icons.js';
import { useLoaded } from './loaded.js';
import { addressOf } from './net.js';
import { PlotSection } from './plot-section.js';
import { ReceiptSection } from './receipt.js';
import { isLost } from './store.js';
import { TEXT } from './strings.js';
import { Button, Empty, StateBadge } from './ui.js';
import { Way } from './way.js';
import type { File } from './types.js';

export function FileScreen({ id }: { id: string }) {
  const path = `/files/${encodeURIComponent(id)}`;
  const { value: file, error, source } = useLoaded<File>(path);
  const [isGone, setGone] = useState(false);
  useEffect(() => {
    const ends = [
      on('file', event => event.file.id === id && (source.value = event.file)),
      on('forgotten', event => event.id === id && setGone(true)),
    ];
    return () => ends.forEach(end => end());
  }, [id]);
  if (isGone || error?.status === 404) return <Gone />;
  if (error && !file) return <Empty icon="alert" title={TEXT.error.load} text={error.message} />;
  return file ? <Known file={file} /> : <p class="muted loading">{TEXT.files.loading}</p>;
}

const Gone = () => (
  <>
    <Back />
    <Empty icon="search" title={TEXT.file.gone} />
  </>
);

const Back = () => (
  <button type="button" class="back" onClick={() => history.back()}>
    <Icon name="back" />
    {TEXT.file.back}
  </button>
);

function Known({ file }: { file: File }) {
  const folder = folderOf(file.path);
  return (
    <div class="file">
      <Back />
      <div class="screen-head">
        <h1 class="file-title">{nameOf(file.path)}</h1>
        <StateBadge state={file.state} />
      </div>
      <p class="muted">
        {file.device}
        {folder && ` / ${folder}`} · {size(file.size)}
        {file.modified !== null && ` · ${moment(file.modified)}`}
      </p>
      {file.reason !== '' && (
        <p class="line bad card reason">
          <Icon name="alert" />
          <span>{file.reason}</span>
        </p>
      )}
      <Actions file={file} />
      <div class="file-columns">
        <Way file={file} />
        <div>
          <PlotSection file={file} />
          <Facts file={file} />
        </div>
      </div>
      <ReceiptSection file={file} />
    </div>
  );
}

function Actions({ file: { id, state, kept, targets } }: { file: File }) {
  const ids = [id];
  const hasFailed = state === 'FAILED' || targets.some(target => target.state === 'FAILED');
  const isOpen = ['FOUND', 'DOWNLOADED', 'PARTIAL', 'DOWNLOADING', 'UPLOADING'].includes(state);
  return (
    <div class="buttons">
      {hasFailed && (
        <Button kind="primary" icon="refresh" onClick={() => void edit('retry', { ids })}>
          {TEXT.actions.retry}
        </Button>
      )}
      {state === 'SKIPPED' && (
        <Button kind="primary" icon="down" onClick={() => void edit('fetch', { ids })}>
          {TEXT.actions.fetch}
        </Button>
      )}
      {isOpen && (
        <Button icon="first" onClick={() => void edit('first', { ids })}>
          {TEXT.actions.first}
        </Button>
      )}
      {isOpen && (
        <Button icon="close" onClick={() => void edit('cancel', { ids })}>
          {TEXT.actions.cancel}
        </Button>
      )}
      {kept && !isLost.value && (
        <a class="button plain" href={addressOf(`/files/${encodeURIComponent(id)}/content`)} download>
          <Icon name="down" />
          <span>{TEXT.actions.save}</span>
        </a>
      )}
      <Button icon="trash" onClick={() => (toForget.value = ids)}>
        {TEXT.actions.forget}
      </Button>
    </div>
  );
}
