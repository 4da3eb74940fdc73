import fc from 'fast-check';

/** Bytes of the longest generated input. */
const MAX_BYTES = 256 * 1024;

/** Pieces that parsers of any kind may get wrong. */
const WORDS = [
  ...[
    '',
    '\0',
    '\r',
    '\n',
    '\r\n',
    '\n\n',
    ' ',
    '\t',
    '\x1b[2J',
    '\x7f',
    '\u009b',
    '\ufeff',
    '\u202e',
    '\u200b',
  ],
  ...[
    '.',
    '..',
    '../',
    '/',
    '//',
    '\\',
    '..\\',
    '%',
    '%00',
    '%2e%2e%2f',
    '%2f',
    '%ff',
    '~',
    '*',
    '?',
    '**/',
    '!(',
  ],
  ...[
    '0',
    '-1',
    '1e309',
    '0x10',
    'NaN',
    '4294967296',
    '9007199254740993',
    '9'.repeat(20),
    '9'.repeat(400),
    '1.5',
  ],
  ...[
    '"',
    "'",
    '`',
    '<',
    '>',
    '&',
    '&#0;',
    '&amp;',
    '<![CDATA[',
    ']]>',
    '<!--',
    ';',
    ':',
    ',',
    '=',
    '(',
    ')',
    '[',
    ']',
  ],
  ...[
    '{',
    '}',
    '{}',
    '[]',
    'null',
    'true',
    '__proto__',
    'constructor',
    'toString',
    '%s',
    '$&',
    '\\u0000',
    'file:///',
  ],
  'javascript:alert(1)',
  '\ud800',
  'a'.repeat(300),
].map(text => Buffer.from(text));

/** Places are fractions of the input, 0 to 65535. */
type Mutation =
  | { readonly kind: 'set'; readonly at: number; readonly byte: number }
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'insert'; readonly at: number; readonly word: Uint8Array }
  | { readonly kind: 'delete'; readonly at: number; readonly length: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly length: number; readonly times: number }
  | { readonly kind: 'splice'; readonly at: number; readonly other: Uint8Array; readonly from: number }
  | { readonly kind: 'end'; readonly at: number };

const PLACES = 0xffff;
const place = fc.nat(PLACES);

function mutations(inputs: fc.Arbitrary<Uint8Array>, words: readonly Uint8Array[]): fc.Arbitrary<Mutation[]> {
  const word = fc.oneof(fc.constantFrom(...words), fc.uint8Array({ maxLength: 8 }));
  const kind = <Kind extends Mutation['kind']>(name: Kind) => fc.constant(name);
  const one: fc.Arbitrary<Mutation> = fc.oneof(
    fc.record({ kind: kind('set'), at: place, byte: fc.nat(255) }),
    fc.record({ kind: kind('flip'), at: place, bit: fc.nat(7) }),
    fc.record({ kind: kind('insert'), at: place, word }),
    fc.record({ kind: kind('delete'), at: place, length: fc.nat(64) }),
    fc.record({
      kind: kind('repeat'),
      at: place,
      length: fc.integer({ min: 1, max: 64 }),
      times: fc.nat(30),
    }),
    fc.record({
      kind: kind('repeat'),
      at: place,
      length: fc.integer({ min: 1, max: 64 }),
      times: fc.nat(20_000),
    }),
    fc.record({ kind: kind('splice'), at: place, other: inputs, from: place }),
    fc.record({ kind: kind('end'), at: place }),
  );
  return fc.array(one, { minLength: 0, maxLength: 12 });
}

function mutated(input: Uint8Array, mutation: Mutation): Uint8Array {
  const at = Math.floor((mutation.at * input.length) / PLACES);
  const around = (middle: Uint8Array, until = at) =>
    Buffer.concat([input.subarray(0, at), middle, input.subarray(until)]);
  switch (mutation.kind) {
    case 'set':
      return around(Uint8Array.of(mutation.byte), at + 1);
    case 'flip':
      return around(Uint8Array.of((input[at] ?? 0) ^ (1 << mutation.bit)), at + 1);
    case 'insert':
      return around(mutation.word);
    case 'delete':
      return around(new Uint8Array(0), at + mutation.length);
    case 'repeat':
      return around(repeated(input.subarray(at, at + mutation.length), mutation.times));
    case 'splice':
      return around(
        mutation.other.subarray(Math.floor((mutation.from * mutation.other.length) / PLACES)),
        input.length,
      );
    case 'end':
      return input.subarray(0, at);
  }
}

const repeated = (unit: Uint8Array, times: number): Uint8Array =>
  unit.length === 0 ? unit : Buffer.alloc(Math.min(times * unit.length, MAX_BYTES), unit);

/** What inputs are made of. */
export interface Material {
  readonly seeds: readonly Uint8Array[];
  readonly generated: fc.Arbitrary<Uint8Array> | undefined;
  readonly words: readonly Uint8Array[];
  readonly maxBytes: number;
}

/** Valid inputs, inputs of the format's own generator and any bytes, with up to twelve mutations. */
export function inputsOf({ seeds, generated, words, maxBytes }: Material): fc.Arbitrary<Buffer> {
  const all = [...WORDS, ...words];
  const soup = fc.array(fc.constantFrom(...all), { maxLength: 40 }).map(pieces => Buffer.concat(pieces));
  const valid = fc.constantFrom(...seeds);
  const base = fc.oneof(
    { weight: 6, arbitrary: valid },
    { weight: generated ? 6 : 0, arbitrary: generated ?? valid },
    { weight: 1, arbitrary: soup },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 600 }) },
  );
  return fc.tuple(base, mutations(fc.oneof(valid, generated ?? valid), all)).map(([input, changes]) => {
    const bytes = changes.reduce((now, change) => mutated(now, change).subarray(0, MAX_BYTES), input);
    return Buffer.from(bytes.subarray(0, maxBytes));
  });
}
