import { davSourceBench, davTargetBench } from '../servers/dav-bench.js';
import {
  startDavServer,
  type DavServer,
  type DavServerKind,
  type DavServerOptions,
} from '../servers/dav-servers.js';
import { sourceConformance } from './source.js';
import type { Deviations } from './support.js';
import { targetConformance } from './target.js';

type TargetDeviations = Parameters<typeof targetConformance>[2];

function onServer(
  title: string,
  kind: DavServerKind,
  options: DavServerOptions = {},
  deviations: TargetDeviations = {},
): void {
  describe(title, () => {
    let server: DavServer;
    before(async () => {
      server = await startDavServer(kind, options);
    });
    after(() => server.stop());
    sourceConformance(`webdav, ${title}`, () => davSourceBench(server));
    targetConformance(`webdav, ${title}`, () => davTargetBench(server), deviations);
  });
}

const cannotResume = 'nginx discards an incomplete upload, and supports no PUT of a part';
const NGINX: Deviations<string> = {
  'goes on where it stopped, or says that it cannot': cannotResume,
  'never goes on with the part of another file': cannotResume,
  'compares all of what it goes on with where nobody remembers its hash': cannotResume,
};

onServer('nginx', 'nginx', {}, NGINX);
onServer('nginx with TLS', 'nginx', { tls: true }, NGINX);
onServer('Apache', 'apache', { auth: 'digest' });
onServer('Apache with TLS', 'apache', { tls: true });
