import * as z from 'zod';
import { linkSample, logEntry } from './schema-live.js';
import { file, status } from './schema.js';

const { devices, transfers } = status.shape;

/** What `GET /events` sends, each as one event (server-sent events) of that type. */
export const event = z.discriminatedUnion('type', [
  z.object({ type: z.literal('file'), file }),
  z.object({ type: z.literal('forgotten'), id: z.string() }),
  z.object({ type: z.literal('devices'), devices }),
  status
    .pick({
      ...{ counts: true, verdict: true, waiting: true, units: true, paused: true, disk: true },
      ...{ database: true, configuration: true, notifications: true },
    })
    .extend({ type: z.literal('counts') }),
  z.object({ type: z.literal('progress'), transfers }),
  z.object({ type: z.literal('link'), device: z.string(), sample: linkSample }),
  z.object({ type: z.literal('log'), entry: logEntry }),
  /** Events were lost, or were too many to send: the client loads everything again. */
  z.object({ type: z.literal('reset') }),
]);

export const eventQuery = z.strictObject({
  /** As the header Last-Event-ID, for clients that cannot send it. */
  last_event_id: z.string().max(100).optional(),
});

export type ApiEvent = z.output<typeof event>;
