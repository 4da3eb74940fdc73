import { LocalStorage } from '../../src/local/storage.js';
import { sample } from '../conformance/support.js';

// Run as a program: begins a local copy below the given root, gives it so many bytes in small chunks as a slow link
// would, and then waits, without closing anything, to be killed.

const [, , root = '', local = '', total = ''] = process.argv;
const bytes = sample(Number(total));
const part = await new LocalStorage(root).begin(local, undefined, new AbortController().signal);
for (let at = 0; at < bytes.length; at += 239) {
  await part.append(bytes.subarray(at, at + 239));
  await new Promise(resolve => setImmediate(resolve));
}
setInterval(() => undefined, 60_000);
