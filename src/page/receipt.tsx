import { useState } from 'preact/hooks';
import { moment, size, webAddress } from './format.js';
import { Icon } from './icons.js';
import { useLoaded } from './loaded.js';
import { addressOf } from './net.js';
import { TEXT } from './strings.js';
import { Button, Section, TableHead } from './ui.js';
import type { File, Receipt } from './types.js';

/** What was delivered where and by which proof, to be kept: as JSON, or on paper. */
export function ReceiptSection({ file }: { file: File }) {
  const [wanted, setWanted] = useState(false);
  if (!file.targets.some(({ state }) => state === 'DONE')) return null;
  return (
    <Section title={TEXT.file.receipt}>
      {wanted ? (
        <Shown file={file} />
      ) : (
        <Button harmless icon="paper" onClick={() => setWanted(true)}>
          {TEXT.file.showReceipt}
        </Button>
      )}
    </Section>
  );
}

function Shown({ file }: { file: File }) {
  const path = `/files/${encodeURIComponent(file.id)}/receipt`;
  const { value: receipt, error } = useLoaded<Receipt>(path, file.updated_at);
  if (error) return <p class="muted">{error.message}</p>;
  if (!receipt) return <p class="muted loading">{TEXT.files.loading}</p>;
  return (
    <>
      <article class="card receipt">
        <h3>{receipt.path}</h3>
        <p>{TEXT.file.receiptText}</p>
        <Head receipt={receipt} />
        <Targets receipt={receipt} />
        <p class="muted small">{TEXT.file.issued(moment(receipt.issued_at), receipt.version)}</p>
      </article>
      <div class="buttons">
        <a class="button plain" href={addressOf(path)} download={`receipt-${receipt.id}.json`}>
          <Icon name="down" />
          <span>{TEXT.file.json}</span>
        </a>
        <Button harmless icon="paper" onClick={() => window.print()}>
          {TEXT.file.print}
        </Button>
      </div>
    </>
  );
}

function Head({ receipt }: { receipt: Receipt }) {
  const rows: readonly (readonly [string, string])[] = [
    [TEXT.files.device, `${receipt.device} (${receipt.hostname})`],
    [TEXT.file.size, `${size(receipt.size)} (${receipt.size.toLocaleString('en')} B)`],
    [TEXT.file.sha256, receipt.sha256],
    [TEXT.file.modified, moment(receipt.modified)],
    [TEXT.file.found, moment(receipt.found_at)],
    [TEXT.file.fetched, moment(receipt.fetched_at)],
  ];
  return (
    <dl class="facts">
      {rows.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={name === TEXT.file.sha256 ? 'hash' : ''}>{text || '–'}</dd>
        </div>
      ))}
    </dl>
  );
}

function Targets({ receipt }: { receipt: Receipt }) {
  const { columns } = TEXT.file;
  return (
    <div class="table-place" tabIndex={0} role="region" aria-label={columns.target}>
      <table>
        <TableHead words={[columns.target, columns.state, columns.proof, columns.at, columns.where]} />
        <tbody>
          {receipt.targets.map(target => (
            <tr key={target.target}>
              <th scope="row">{target.target}</th>
              <td>{TEXT.file.deliveries[target.state]}</td>
              <td>{target.state === 'DONE' ? TEXT.file.proofs[target.verified] : '–'}</td>
              <td>{moment(target.delivered_at) || '–'}</td>
              <td class="hash">
                <Where text={target.location || target.path} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Where({ text }: { text: string }) {
  const address = webAddress(text);
  return address === undefined ? (
    <>{text}</>
  ) : (
    <a href={address} target="_blank" rel="noopener noreferrer">
      {text}
    </a>
  );
}
