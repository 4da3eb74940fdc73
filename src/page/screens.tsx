import { Devices } from './devices.js';
import { FileScreen } from './file.js';
import { Files } from './files.js';
import { Fleet } from './fleet.js';
import { FlightScreen, Flights } from './flights.js';
import { LogScreen } from './log.js';

// A chunk of its own, loaded after the screen Now is there: the first answer does not wait for it.

export function Screen({ screen, id }: { screen: string; id: string }) {
  switch (screen) {
    case 'flight':
      return <FlightScreen key={id} id={id} />;
    case 'files':
      return <Files />;
    case 'file':
      return <FileScreen key={id} id={id} />;
    case 'devices':
      return <Devices />;
    case 'fleet':
      return <Fleet />;
    case 'log':
      return <LogScreen />;
    default:
      return <Flights />;
  }
}
