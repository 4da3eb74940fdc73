import { useEffect, useRef, useState } from 'preact/hooks';
import { ask } from './net.js';
import { report } from './store.js';
import { TEXT } from './strings.js';
import { Button, Section } from './ui.js';
import type { File, SignalsView } from './types.js';

/** The formats of which signals can be read. */
const WITH_SIGNALS: readonly unknown[] = ['ulog', 'ardupilot'];

/** The plot is asked for and loaded when a person wants it. */
export function PlotSection({ file }: { file: File }) {
  const [wanted, setWanted] = useState(false);
  if (!file.kept || !WITH_SIGNALS.includes(file.facts?.format)) return null;
  return (
    <Section title={TEXT.file.plot}>
      {wanted ? (
        <Plot id={file.id} />
      ) : (
        <Button harmless icon="chart" onClick={() => setWanted(true)}>
          {TEXT.file.showPlot}
        </Button>
      )}
    </Section>
  );
}

function Plot({ id }: { id: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [note, setNote] = useState<string>(TEXT.file.plotLoading);
  useEffect(() => {
    let remove: (() => void) | undefined;
    let isOld = false;
    const load = async () => {
      const [view, { draw }] = await Promise.all([
        ask<SignalsView>('GET', `/files/${encodeURIComponent(id)}/signals`),
        import('./plot.js'),
      ]);
      if (isOld || !place.current) return;
      setNote(view.note || (view.signals.length === 0 ? TEXT.file.noPlot : ''));
      remove = draw(place.current, view.signals);
    };
    load().catch((error: unknown) => {
      setNote(TEXT.file.noPlot);
      report(error);
    });
    return () => {
      isOld = true;
      remove?.();
    };
  }, [id]);
  return (
    <div class="card plot">
      {note !== '' && <p class="muted">{note}</p>}
      <div ref={place} />
    </div>
  );
}
