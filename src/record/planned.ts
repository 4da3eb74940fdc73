import type { FileEvent } from './events.js';

/** What the rules that take a file want of it. */
interface Wanted {
  readonly targets: readonly { readonly device: string }[];
  readonly via: 'local' | 'stream';
  readonly skip?: string;
}

/** The event that applies today's rules to a file of the source `device`. Undefined: no rule takes it. */
export function plannedEvent(device: string, wanted: Wanted | undefined): FileEvent {
  const paths = Object.fromEntries((wanted?.targets ?? []).map(target => [target.device, undefined]));
  const skipped = wanted
    ? wanted.skip
    : `include, exclude: no rule takes files like this from ${device} any more`;
  return {
    ...{ type: 'Planned', paths },
    ...(wanted?.via === 'stream' && { via: wanted.via }),
    ...(skipped !== undefined && { skipped }),
  };
}
