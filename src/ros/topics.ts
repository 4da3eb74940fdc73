import { Subscription, throttle } from 'rxjs';
import type { Engine } from '../engine/engine.js';
import type { DatabaseApi } from '../api/database-api.js';
import { statusFeed } from '../api/status-feed.js';
import { deviceView } from '../api/views.js';
import type { Records } from '../record/records.js';
import { isUnfinished, stateOf } from '../record/state.js';
import type { Clock, FileState } from '../ports.js';
import { after } from '../system/rx.js';
import { LATCHED, RELIABLE, type Graph } from './graph.js';
import { topics, type FileStateArrayMessage } from './interfaces.js';
import { toDeviceState, toFileState, toStatus, toTime } from './messages.js';
import { PacedProgress } from './paced-progress.js';

/** ms between two summaries of the files. */
const SUMMARY_INTERVAL_MS = 1000;
/** Files in a summary at most. */
const MAX_SUMMARY_FILES = 100;
/** Changes kept for a slow listener: many files may be found at once. */
const CHANGES_DEPTH = 100;

export interface Publishing {
  readonly graph: Graph;
  readonly engine: Engine;
  readonly api: DatabaseApi;
  readonly clock: Clock;
}

/** Publishes what happens until unsubscribed. */
export function publishTopics(parts: Publishing): Subscription {
  const all = new Subscription();
  all.add(publishChanges(parts));
  all.add(publishSummary(parts));
  all.add(publishDevices(parts));
  all.add(publishProgress(parts));
  all.add(publishStatus(parts));
  return all;
}

function publishChanges({ graph, engine: { records }, api }: Publishing): Subscription {
  const publisher = graph.advertise(topics.fileState, '~/file_state', { ...RELIABLE, depth: CHANGES_DEPTH });
  return records.changes.subscribe(({ record, previous }) => {
    if (record) publisher.publish(toFileState(api.view(record)));
    else if (previous) publisher.publish(toFileState(api.view(previous), true));
  });
}

function publishSummary({ graph, engine: { records }, api, clock }: Publishing): Subscription {
  const publisher = graph.advertise(topics.files, '~/files', LATCHED);
  const publish = () => publisher.publish(summary(records, api, clock));
  publish();
  const paced = records.changes.pipe(
    throttle(() => after(clock, SUMMARY_INTERVAL_MS), { leading: true, trailing: true }),
  );
  return paced.subscribe(publish);
}

function summary(records: Records, { view }: DatabaseApi, clock: Clock): FileStateArrayMessage {
  const unfinished = [...records.all()].filter(isUnfinished);
  const counts = [...countStates(records)].map(([state, count]) => ({ state, count }));
  const files = unfinished.slice(0, MAX_SUMMARY_FILES).map(record => toFileState(view(record)));
  return { stamp: toTime(clock.now()), files, unfinished: unfinished.length, counts };
}

/** Number of records by state, smaller numbers first; states without records are left out. */
export function countStates(records: Records): ReadonlyMap<FileState, number> {
  const counts = new Map<FileState, number>();
  for (const record of records.all()) counts.set(stateOf(record), (counts.get(stateOf(record)) ?? 0) + 1);
  return new Map([...counts].sort(([a], [b]) => a - b));
}

function publishDevices({ graph, engine, clock }: Publishing): Subscription {
  const publisher = graph.advertise(topics.devices, '~/devices', LATCHED);
  return engine.devices.subscribe(devices => {
    const views = devices.map(device => toDeviceState(deviceView(device, clock)));
    publisher.publish({ stamp: toTime(clock.now()), devices: views });
  });
}

function publishStatus({ graph, engine, api, clock }: Publishing): Subscription {
  const publisher = graph.advertise(topics.status, '~/status', LATCHED);
  return statusFeed(api, engine, clock).subscribe(status => publisher.publish(toStatus(status, clock.now())));
}

function publishProgress({ graph, engine, clock }: Publishing): Subscription {
  const publisher = graph.advertise(topics.progress, '~/progress', RELIABLE);
  const paced = new PacedProgress(clock, message => publisher.publish(message));
  const subscription = engine.progress.subscribe(progress => paced.add(progress));
  subscription.add(() => paced.close());
  return subscription;
}
