import { sourceConformance } from '../conformance/source.js';
import { mavrosBench } from './mavros-bench.js';

sourceConformance('mavros source over the services', () => mavrosBench());
sourceConformance('mavros source over an endpoint', () => mavrosBench({ transport: 'endpoint' }));
