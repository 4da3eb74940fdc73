import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import type { LiveApi } from './api.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What a client must be allowed to do; `none`: anybody may ask. */
export type Scope = 'read' | 'operate' | 'none';

/** A checked request. */
export interface Call<Query = unknown, Body = unknown> {
  /** What stands for the names in braces of the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** One request of the HTTP API: what it takes, and what it answers. */
export interface Route {
  readonly method: Method;
  /** Below /api/v1, such as `/files/{id}`. */
  readonly path: string;
  /** One sentence for the documentation. */
  readonly summary: string;
  readonly scope: Scope;
  readonly query: z.ZodObject;
  readonly body?: z.ZodType;
  /** The JSON document of the answer; of `text/event-stream`, one event. */
  readonly response: z.ZodType;
  /** A route of any other type than `application/json` has sent its answer when `answer` resolves. */
  readonly type: 'application/json' | 'text/event-stream' | 'application/octet-stream';
  answer(api: LiveApi, call: Call): Promise<unknown>;
}

interface Spec<Query extends z.ZodObject, Body extends z.ZodType, Response extends z.ZodType> {
  readonly scope?: Scope;
  readonly query?: Query;
  readonly body?: Body;
  readonly response: Response;
  readonly type?: Route['type'];
  answer(api: LiveApi, call: Call<z.output<Query>, z.output<Body>>): Promise<z.input<Response> | void>;
}

/** `at`: method and path. Unless the specification says so, a GET needs the scope `read`, and anything else `operate`. */
export function route<
  Response extends z.ZodType,
  Query extends z.ZodObject = z.ZodObject<Record<never, z.ZodType>>,
  Body extends z.ZodType = z.ZodUndefined,
>(at: `${Method} /${string}`, summary: string, spec: Spec<Query, Body, Response>): Route {
  const [method, path = ''] = at.split(' ', 2);
  const scope = method === 'GET' ? 'read' : 'operate';
  return {
    ...{ method: method as Method, path, summary, scope, type: 'application/json' },
    ...{ query: z.strictObject({}) },
    ...(spec as unknown as Omit<Route, 'query' | 'scope' | 'type'>),
  };
}
