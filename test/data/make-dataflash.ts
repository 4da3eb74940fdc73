/** A log as ArduPilot writes it (libraries/AP_Logger/LogStructure.h, LogFile.cpp): the formats of Copter 4.5, values of nobody's flight. */

/** Name, type, format, labels. */
const FORMATS: readonly (readonly [string, number, string, string])[] = [
  ['FMT', 128, 'BBnNZ', 'Type,Length,Name,Format,Columns'],
  ['FMTU', 178, 'QBNN', 'TimeUS,FmtType,UnitIds,MultIds'],
  ['PARM', 64, 'QNff', 'TimeUS,Name,Value,Default'],
  ['MSG', 91, 'QZ', 'TimeUS,Message'],
  ['VER', 92, 'QBHBBBBIZHBBII', 'TimeUS,BT,BST,Maj,Min,Pat,FWT,GH,FWS,APJ,BU,FV,IMI,ICI'],
  ['GPS', 93, 'QBBIHBcLLeffffB', 'TimeUS,I,Status,GMS,GWk,NSats,HDop,Lat,Lng,Alt,Spd,GCrs,VZ,Yaw,U'],
  ['ATT', 94, 'QccccCCCCB', 'TimeUS,DesRoll,Roll,DesPitch,Pitch,DesYaw,Yaw,ErrRP,ErrYaw,AEKF'],
  ['ERR', 95, 'QBB', 'TimeUS,Subsys,ECode'],
  ['DSF', 96, 'QIHIIII', 'TimeUS,Dp,Blk,Bytes,FMn,FMx,FAv'],
];

type Value = number | string;

const BYTES: Readonly<Record<string, number>> = {
  ...{ B: 1, H: 2, c: 2, C: 2, n: 4, I: 4, L: 4, e: 4, f: 4, Q: 8, N: 16, Z: 64 },
};

function field(kind: string, value: Value): Buffer {
  const bytes = Buffer.alloc(BYTES[kind] ?? 0);
  if (typeof value === 'string') bytes.write(value, 'latin1');
  else if (kind === 'Q') bytes.writeBigUInt64LE(BigInt(value));
  else if (kind === 'f') bytes.writeFloatLE(value);
  else if (kind === 'c' || kind === 'C') bytes.writeInt16LE(Math.round(value * 100));
  else if (kind === 'e') bytes.writeInt32LE(Math.round(value * 100));
  else if (kind === 'L') bytes.writeInt32LE(Math.round(value * 1e7));
  else bytes.writeUIntLE(value, 0, bytes.length);
  return bytes;
}

export function dataflashMessage(name: string, ...values: readonly Value[]): Buffer {
  const [, type, format] = FORMATS.find(([known]) => known === name) ?? ['', 0, ''];
  const fields = [...format].map((kind, index) => field(kind, values[index] ?? 0));
  return Buffer.concat([Buffer.from([0xa3, 0x95, type]), ...fields]);
}

/** The FMT messages of all formats. */
export const dataflashFormats = (): Buffer =>
  Buffer.concat(
    FORMATS.map(([name, type, format, labels]) => {
      const length = 3 + [...format].reduce((sum, kind) => sum + (BYTES[kind] ?? 0), 0);
      return dataflashMessage('FMT', type, length, name, format, labels);
    }),
  );

/** 20 s: a fix 5 s after the beginning, 2026-07-02 09:30:12.4 UTC (GPS: 18 s more, in week 2425), one error and its end. */
export function flightBin(): Buffer {
  const boot = 61_000_000;
  const texts = [
    'ArduCopter V4.5.7 (2a3dc4b7)',
    'ChibiOS: 6a85082c',
    'CubeOrange 003B0036 31385113 33343733',
    'Frame: QUAD/X',
  ];
  const gps = (second: number, status: number) =>
    dataflashMessage(
      'GPS',
      ...[boot + second * 1e6, 0, status, status < 3 ? 0 : 379_830_400 + (second - 5) * 1000],
      ...[status < 3 ? 0 : 2425, 14, 0.7, 47.3977419, 8.5455939, 488.1, 1.5, 90, 0, 0, 1],
    );
  const attitude = (second: number) =>
    dataflashMessage('ATT', boot + second * 1e6, 0, 0.5, 0, -0.5, 90, 90, 0.01, 0.01, 3);
  const flight = Array.from({ length: 20 }, (_, second) =>
    Buffer.concat([gps(second, second < 5 ? 1 : 3), attitude(second), attitude(second + 0.5)]),
  );
  return Buffer.concat([
    dataflashFormats(),
    dataflashMessage('VER', boot, 3, 0, 4, 5, 7, 255, 0x2a3dc4b7, texts[0] ?? '', 140, 0, 2, 0, 0),
    ...texts.map(text => dataflashMessage('MSG', boot + 1000, text)),
    dataflashMessage('PARM', boot + 2000, 'FRAME_CLASS', 1, 0),
    ...flight,
    dataflashMessage('ERR', boot + 19e6, 16, 2),
    dataflashMessage('ERR', boot + 19.5e6, 16, 0),
    dataflashMessage('DSF', boot + 20e6, 3, 100, 1000, 1, 2, 3),
  ]);
}
