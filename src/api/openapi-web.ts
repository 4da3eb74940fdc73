/** What the web server answers on TCP besides the route table, as paths of OpenAPI 3.1. `problem`: the answer of an error. */
export const webPaths = (problem: object): Record<string, Record<string, object>> => ({
  '/session': sessionOperations(problem),
  '/healthz': { get: healthz(problem) },
  '/metrics': { get: metrics(problem) },
});

const json = (name: string) => ({
  'application/json': { schema: { $ref: `#/components/schemas/${name}` } },
});
const TEXT = { 'text/plain': { schema: { type: 'string' } } };
const OUTSIDE_OF_API = { servers: [{ url: '/' }] };

function sessionOperations(problem: object): Record<string, object> {
  const responses = { '200': { description: 'done', content: json('Session') }, default: problem };
  return {
    get: {
      operationId: 'getSession',
      summary: 'What the client may do, and whether there is a password to log in with. On TCP alone.',
      ...{ security: [], responses },
    },
    post: {
      operationId: 'postSession',
      summary: 'Logs in: sets the cookie of a session of 12 hours. On TCP alone.',
      ...{ security: [], requestBody: { required: true, content: json('Credentials') }, responses },
    },
    delete: {
      operationId: 'deleteSession',
      summary: 'Logs out: ends the session, and its streams of events. On TCP alone.',
      ...{ security: [], responses: { '204': { description: 'done' }, default: problem } },
    },
  };
}

const healthz = (problem: object): object => ({
  ...OUTSIDE_OF_API,
  operationId: 'getHealthz',
  summary: 'Whether the program can work, for probes. On TCP alone.',
  security: [],
  responses: {
    '200': { description: 'it can', content: TEXT },
    '503': { description: 'the database has a problem', content: TEXT },
    default: problem,
  },
});

const metrics = (problem: object): object => ({
  ...OUTSIDE_OF_API,
  operationId: 'getMetrics',
  summary: 'Figures for Prometheus. On TCP alone.',
  description: 'Needs the scope `metrics` or `read`.',
  responses: { '200': { description: 'the text format 0.0.4', content: TEXT }, default: problem },
});
