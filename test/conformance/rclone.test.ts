import { startDavServer, type DavServer, type DavServerKind } from '../servers/dav-servers.js';
import {
  davRemote,
  localRemote,
  rcloneSourceBench,
  rcloneTargetBench,
  type RcloneRemotePlace,
} from '../servers/rclone-bench.js';
import { sourceConformance } from './source.js';
import type { Deviations } from './support.js';
import { targetConformance } from './target.js';

/** rclone shows control characters as pictures of them, such as ␊. */
const isShown = (path: string): boolean => !/\p{Cc}/u.test(path);

function onRemote(
  title: string,
  start: () => Promise<RcloneRemotePlace>,
  deviations: { source?: Deviations<string>; target?: Deviations<string> } = {},
  holds: (path: string) => boolean = isShown,
): void {
  describe(title, () => {
    let place: RcloneRemotePlace;
    before(async () => {
      place = await start();
    });
    after(() => place.remove());
    sourceConformance(`rclone, ${title}`, () => rcloneSourceBench(place, {}, holds), deviations.source);
    targetConformance(`rclone, ${title}`, () => rcloneTargetBench(place), deviations.target);
  });
}

function onDavServer(title: string, kind: DavServerKind, holds?: (path: string) => boolean): void {
  const start = async (): Promise<RcloneRemotePlace> => {
    const server: DavServer = await startDavServer(kind);
    const place = await davRemote(server);
    const remove = async (): Promise<void> => {
      await place.remove();
      await server.stop();
    };
    return { ...place, remove };
  };
  onRemote(title, start, {}, holds);
}

onRemote('local', localRemote);
onDavServer('webdav on nginx', 'nginx', path => isShown(path) && !path.startsWith('.'));
onDavServer('webdav on Apache', 'apache');
