import * as z from 'zod';
import { webPaths } from './openapi-web.js';
import { problem } from './problem.js';
import type { Route } from './route.js';
import * as schema from './schema.js';
import { event } from './schema-events.js';
import { fileChange, receipt } from './schema-files.js';
import { link, logPage, signals } from './schema-live.js';
import { credentials, session } from './schema-session.js';

/** What routes share, by its name in the document. */
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  ...{ Status: schema.status, File: schema.file, FilePage: schema.page, FileChange: fileChange },
  ...{ Flight: schema.flight, FlightPage: schema.flightPage, Receipt: receipt, Signals: signals },
  ...{ Selection: schema.selection, Repairs: schema.repairs, EditResult: schema.editResult },
  ...{ Action: schema.action, Pausing: schema.pausing, Link: link, LogPage: logPage },
  ...{ Event: event, Problem: problem, Credentials: credentials, Session: session },
};

const DESCRIPTION = [
  'The same requests on the unix socket of the daemon and, where the configuration has `web`, on TCP.',
  'Times are RFC 3339 in UTC; sizes are bytes; texts that are not known are empty, times and numbers null.',
  'On TCP, a request that changes something needs the header `X-FileSync: 1`, JSON where it has a body, and the same origin.',
].join(' ');

/** The document of OpenAPI 3.1 that describes the routes, and what the web server answers besides. */
export function openApi(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const operations = (paths[route.path] ??= {});
    operations[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'FileSync', version: '1', description: DESCRIPTION, license: LICENSE },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }, { session: [] }, {}],
    paths: { ...paths, ...webPaths(PROBLEM) },
    components: { schemas: sharedSchemas(), securitySchemes: SECURITY },
  };
}

const LICENSE = { name: 'Apache-2.0', identifier: 'Apache-2.0' };

const SECURITY = {
  token: { type: 'http', scheme: 'bearer', description: 'a token of `web.tokens`' },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'filesync-8474',
    description: 'after a login with the password; the number is that of the port',
  },
};

function operationOf(route: Route): object {
  const { method, path, summary, scope, query, body, response, type } = route;
  const parameters = [...pathParameters(path), ...queryParameters(query)];
  const content = type === 'application/octet-stream' ? BYTES : { [type]: { schema: refOf(response) } };
  const answers =
    type === 'application/octet-stream'
      ? { '200': 'the whole file', '206': 'a range of it' }
      : { '200': 'done' };
  return {
    operationId: operationId(method, path),
    summary,
    ...(scope === 'none' ? { security: [] } : { description: `Needs the scope \`${scope}\`.` }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: refOf(body) } } },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([code, description]) => [code, { description, content }]),
      ),
      default: PROBLEM,
    },
  };
}

const BYTES = { 'application/octet-stream': {} };
const PROBLEM = {
  description: 'it was refused, or has failed',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/** `getFilesIdContent` of `GET /files/{id}/content`. */
const operationId = (method: string, path: string): string =>
  method.toLowerCase() +
  path.replace(/\W+(\w)/g, (_, first: string) => first.toUpperCase()).replace(/\W/g, '');

const pathParameters = (path: string): object[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true, schema: { type: 'string' } },
  }));

/** Texts, in the query of a URL. */
function queryParameters(query: z.ZodObject): object[] {
  const { properties = {}, required = [] } = jsonSchemaOf(query, 'input');
  return Object.entries(properties).map(([name, one]) => ({
    ...{ name, in: 'query', schema: one, ...(required.includes(name) && { required: true }) },
  }));
}

/** Shared by its name, any other in place. */
function refOf(type: z.ZodType): object {
  const [name] = Object.entries(SCHEMAS).find(([, one]) => one === type) ?? [];
  return name === undefined ? jsonSchemaOf(type, 'output') : { $ref: `#/components/schemas/${name}` };
}

function jsonSchemaOf(type: z.ZodType, io: 'input' | 'output'): z.core.JSONSchema.JSONSchema {
  const { $schema: _dialect, ...found } = z.toJSONSchema(type, { io });
  return found;
}

function sharedSchemas(): object {
  const registry = z.registry<{ id: string }>();
  for (const [id, type] of Object.entries(SCHEMAS)) registry.add(type, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: id => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _dialect, $id: _id, ...found }]) => [name, found]),
  );
}
