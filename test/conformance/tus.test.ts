import { startTusServer, tusBench } from '../servers/tus-server.js';
import { targetConformance } from './target.js';

targetConformance('tus, @tus/server', async () => tusBench(await startTusServer()), {
  'compares all of what it goes on with where nobody remembers its hash':
    'tus has neither checksums nor a way to read unfinished uploads: such a stream is sent from the start',
});
