// Makes the small samples of test/unit/facts (flight.bin, bag.mcap, photo.jpg, thermal.jpg, photo.tif): node --import=tsx/esm test/data/make-facts.ts
import { writeFileSync } from 'node:fs';
import { flightBin } from './make-dataflash.js';
import { bag } from './make-mcap.js';
import { photo, thermal, tiff } from './make-pictures.js';

const write = (name: string, bytes: Uint8Array) => writeFileSync(new URL(name, import.meta.url), bytes);

write('flight.bin', flightBin());
write('bag.mcap', await bag());
write('photo.jpg', photo());
write('thermal.jpg', thermal());
write('photo.tif', tiff());
