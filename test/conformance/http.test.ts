import { flightReview } from '../../src/devices/flight-review.js';
import { http } from '../../src/devices/http.js';
import { rawSite, reviewSite } from '../servers/raw-site.js';
import { httpBench, siteBench } from './http-bench.js';
import { targetConformance } from './target.js';

targetConformance('http, embedded receiver', () => httpBench(http, '/plain'));

const notULog = 'an empty file is no ULog file, and Flight Review accepts nothing else';
targetConformance('flight-review, embedded receiver', () => httpBench(flightReview, ''), {
  'writes a file of zero bytes': notULog,
  'announces the commit of an empty file, too': notULog,
});

/** The device renders the address from the file, whose name in the suite is always the same: the latest body counts. */
targetConformance('http, raw PUT to a URL', () =>
  siteBench(http, rawSite, '/logs/{file.name}', { method: 'PUT', body: 'raw' }),
);

targetConformance('flight-review, version 2', () => siteBench(flightReview, reviewSite, ''), {
  'writes a file of zero bytes': notULog,
  'announces the commit of an empty file, too': notULog,
});
