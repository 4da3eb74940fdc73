import { configurationParsers } from './configuration.js';
import { databaseParsers } from './database.js';
import { factParsers } from './facts.js';
import { ftpParsers } from './ftp.js';
import { machineParsers } from './machine.js';
import { mavlinkParsers } from './mavlink.js';
import { requestParsers, stopServers } from './requests.js';
import { fuzz } from './run.js';
import { webParsers } from './web.js';

describe('Fuzz', () => {
  after(stopServers);
  const ofTexts = [...ftpParsers, ...webParsers, ...configurationParsers, ...machineParsers];
  fuzz([...mavlinkParsers, ...ofTexts, ...databaseParsers, ...factParsers, ...requestParsers]);
});
