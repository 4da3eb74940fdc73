import { flightReview } from '../../src/devices/flight-review.js';
import { http } from '../../src/devices/http.js';
import { httpBench } from './http-bench.js';
import { targetConformance } from './target.js';

targetConformance('http, embedded receiver', () => httpBench(http, '/plain'));

const notULog = 'an empty file is no ULog file, and Flight Review accepts nothing else';
targetConformance('flight-review, embedded receiver', () => httpBench(flightReview, ''), {
  'writes a file of zero bytes': notULog,
  'announces the commit of an empty file, too': notULog,
});
