import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { BehaviorSubject, firstValueFrom } from 'rxjs';
import type { LinkLimits, TimeRange } from '../../../src/config/definition.js';
import { hours, rate } from '../../../src/config/options.js';
import { LinkGate } from '../../../src/devices/link/gate.js';
import { openingAt } from '../../../src/devices/link/hours.js';
import { Metering } from '../../../src/devices/link/metered.js';
import { RateLimiter } from '../../../src/devices/link/rate-limiter.js';
import { Route } from '../../../src/devices/link/route.js';
import type { Availability, ByteStream } from '../../../src/ports.js';
import { systemClock } from '../../../src/system/clock.js';
import { temporaryFolder } from '../../conformance/temp-folder.js';
import { deviceContext } from '../../fakes/device-context.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { VirtualClock } from '../../fakes/virtual-clock.js';

const rangesOf = (text: string): readonly TimeRange[] => hours().parse(text).ranges;
/** Of the local clock. */
const at = (time: string, day = '2026-08-01') => new Date(`${day}T${time}:00`).getTime();

describe('hours of a device', () => {
  for (const [text, time, opening] of [
    ['08:00-10:00', '08:00', 'open'],
    ['08:00-10:00', '09:59', 'open'],
    ['08:00-10:00', '10:00', at('08:00', '2026-08-02')],
    ['08:00-10:00', '07:59', at('08:00')],
    ['22:00-06:00', '23:30', 'open'],
    ['22:00-06:00', '00:00', 'open'],
    ['22:00-06:00', '05:59', 'open'],
    ['22:00-06:00', '06:00', at('22:00')],
    ['06:00-08:00, 22:00-24:00', '12:00', at('22:00')],
    ['06:00-08:00, 22:00-24:00', '23:59', 'open'],
    ['06:00-08:00,12:00-13:00', '08:30', at('12:00')],
  ] as const)
    it(`${text} at ${time}: ${opening === 'open' ? opening : 'closed'}`, () =>
      assert.equal(openingAt(rangesOf(text), at(time)), opening));

  for (const text of ['', '22:00', '25:00-26:00', '10:00-10:00', '24:00-06:00', '10:60-11:00', '1-2'])
    it(`"${text}" is refused`, () => assert.equal(hours().safeParse(text).success, false));
});

describe('a limited rate', () => {
  it('is read in the units of sizes', () => {
    const parsed = ['500kB/s', '500KB', '1MB/s', 5000, '8192'].map(text => rate(4096).parse(text));
    assert.deepEqual(parsed, [512_000, 512_000, 1_048_576, 5000, 8192]);
    for (const wrong of ['1kB/s', 'fast', '5 m/s', -1])
      assert.equal(rate(4096).safeParse(wrong).success, false);
  });

  const CHUNKS = 16;
  const CHUNK = 64 * 1024;

  async function* chunks(): ByteStream {
    for (let index = 0; index < CHUNKS; index++) {
      await Promise.resolve();
      yield new Uint8Array(CHUNK).fill(index);
    }
  }

  const collect = async (stream: ByteStream): Promise<Buffer> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of stream) pieces.push(piece);
    return Buffer.concat(pieces);
  };

  /** Monotonic ms until all is done. */
  async function timeOf(clock: VirtualClock, work: Promise<unknown>): Promise<number> {
    let isDone = false;
    void work.finally(() => (isDone = true));
    while (!isDone) await clock.advance(clock.nextWake ?? 0);
    return clock.monotonic();
  }

  it('holds for all transfers of the device together, and no byte changes', async () => {
    const clock = new VirtualClock();
    const limiter = new RateLimiter(100_000, clock);
    const both = Promise.all([collect(limiter.pace(chunks())), collect(limiter.pace(chunks()))]);
    const ms = await timeOf(clock, both);
    const expected = (2 * CHUNKS * CHUNK) / 100;
    assert.ok(ms >= expected - 300 && ms <= expected + 300, `${ms} ms, not ${expected}`);
    const plain = await collect(chunks());
    for (const bytes of await both) assert.ok(bytes.equals(plain));
  });

  it('does not save up what was not used', async () => {
    const clock = new VirtualClock();
    const limiter = new RateLimiter(1_048_576, clock);
    await timeOf(clock, collect(limiter.pace(chunks())));
    await clock.advance(3_600_000);
    const began = clock.monotonic();
    const ms = (await timeOf(clock, collect(limiter.pace(chunks())))) - began;
    assert.ok(ms >= 700, `1 MB in ${ms} ms`);
  });

  it('ends with the transfer that is interrupted', async () => {
    const clock = new VirtualClock();
    const limiter = new RateLimiter(4096, clock);
    const control = new AbortController();
    const reading = collect(limiter.pace(chunks(), control.signal));
    await clock.advance(1000);
    control.abort();
    await assert.rejects(reading, { kind: 'cancelled' });
    assert.equal(clock.sleeping, 0);
  });
});

describe('the route to a host', () => {
  it('goes through lo to this machine, by address and by name', async () => {
    assert.deepEqual(await new Route('127.0.0.1', systemClock).interfaces(), ['lo']);
    assert.deepEqual(await new Route('localhost', systemClock).interfaces(), ['lo']);
  });

  it('to its own address is that of the interface that has it', async function () {
    const own = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
      addresses
        .filter(({ family, internal }) => family === 'IPv4' && !internal)
        .map(({ address }) => ({ name, address })),
    );
    const [first] = own;
    if (!first) return this.skip();
    assert.deepEqual(await new Route(first.address, systemClock).interfaces(), [first.name]);
  });

  it('to a name that nobody knows is none', async () =>
    assert.deepEqual(await new Route('no-such-host.invalid', systemClock).interfaces(), []));
});

/** A busctl that answers what the file says; without the file there is no NetworkManager. */
async function withBus(
  test: (env: Record<string, string>, say: (metered: number) => Promise<void>) => Promise<void>,
) {
  const folder = await temporaryFolder();
  try {
    const [program, answer] = [join(folder.path, 'busctl'), join(folder.path, 'answer')];
    const script = [
      '#!/bin/sh',
      `[ -e '${answer}' ] || { echo 'The name org.freedesktop.NetworkManager was not provided' >&2; exit 1; }`,
      `case "$*" in *GetDeviceByIpIface*' s lo') echo 'o "/org/freedesktop/NetworkManager/Devices/1"';;`,
      `*get-property*Devices/1*Metered) echo "u $(cat '${answer}')";; *) exit 1;; esac`,
    ].join('\n');
    await mkdir(folder.path, { recursive: true });
    await writeFile(program, script);
    await chmod(program, 0o755);
    const env = { PATH: `${folder.path}:${process.env['PATH'] ?? ''}` };
    await test(env, metered => writeFile(answer, String(metered)));
  } finally {
    await folder.remove();
  }
}

describe('a metered connection', () => {
  for (const [value, metered] of [
    [0, false],
    [1, true],
    [2, false],
    [3, true],
    [4, false],
  ] as const)
    it(`is ${metered ? '' : 'not '}what NetworkManager reports by ${value}`, () =>
      withBus(async (env, say) => {
        await say(value);
        const metering = new Metering(env, systemClock, new RecordingLogger());
        assert.equal(await metering.isMetered('lo', true), metered);
      }));

  it('is asked for once in a while, for each of several interfaces', () =>
    withBus(async (env, say) => {
      const clock = new VirtualClock();
      const metering = new Metering(env, clock, new RecordingLogger());
      await say(2);
      assert.equal(await metering.isMetered('lo', true), false);
      assert.equal(await metering.isMetered('eth7', true), false);
      await say(1);
      assert.equal(await metering.isMetered('lo', true), false);
      await clock.advance(1_000);
      assert.equal(await metering.isMetered('lo', true), true);
    }));

  it('does not exist without NetworkManager, which is logged once', () =>
    withBus(async env => {
      const [logger, clock] = [new RecordingLogger(), new VirtualClock()];
      const metering = new Metering(env, clock, logger);
      assert.equal(await metering.isMetered('lo', true), false);
      await clock.advance(60_000);
      assert.equal(await metering.isMetered('lo', true), false);
      assert.equal(logger.entries.filter(({ level }) => level === 'warn').length, 1);
      assert.match(
        logger.entries[0]?.message ?? '',
        /NetworkManager does not answer, so no connection counts as metered/,
      );
    }));
});

describe('the gate of a link', () => {
  const HERE: Availability = { available: true, armed: false, reason: 'here' };
  const url = new URL('http://127.0.0.1:1/');
  const gateOf = (limits: Partial<LinkLimits>, env: Record<string, string> = {}) =>
    new LinkGate({ url, unmetered: false, ...limits }, deviceContext({ env }));

  /** The end's own availability is asked only while the gate is open. */
  async function stateAt(gate: LinkGate): Promise<{ state: Availability; probed: boolean }> {
    const own = new BehaviorSubject(HERE);
    const state = await firstValueFrom(gate.guard(own));
    return { state, probed: state === HERE };
  }

  it('is open over an interface that is named', async () => {
    assert.deepEqual(await stateAt(gateOf({ over: ['eth7', 'lo'] })), { state: HERE, probed: true });
  });

  it('is closed over any other, and says which', async () => {
    const { state, probed } = await stateAt(gateOf({ over: ['eth7', 'wlan7'] }));
    assert.equal(probed, false);
    assert.equal(state.closed?.code, 'over');
    assert.match(state.reason, /^not used now: reached through lo, and `over` allows eth7, wlan7 alone$/);
  });

  it('of a vehicle does not hide whether it is armed', async () => {
    const gate = gateOf({ over: ['eth7'], watched: true });
    const own = new BehaviorSubject<Availability>(HERE);
    const seen: Availability[] = [];
    const watching = gate.guard(own).subscribe(state => seen.push(state));
    await firstValueFrom(gate.closed);
    own.next({ ...HERE, armed: true });
    own.next({ available: false, armed: false, reason: 'silent' });
    watching.unsubscribe();
    const closed = {
      code: 'over',
      reason: 'reached through lo, and `over` allows eth7 alone',
      interrupts: true,
    } as const;
    const reason = `not used now: ${closed.reason}`;
    assert.deepEqual(seen, [
      { available: true, armed: false, reason, closed },
      { available: true, armed: true, reason, closed },
      { available: false, armed: false, reason: 'silent' },
    ]);
  });

  it('by hours alone needs no address', async () => {
    const clock = new VirtualClock(at('12:00'));
    const limits = { unmetered: false, hours: hours().parse('22:00-06:00'), watched: true } as const;
    const gate = new LinkGate(limits, deviceContext({ clock }));
    assert.equal((await stateAt(gate)).state.closed?.code, 'hours');
  });

  it('looks at the proxy that connections go to', async () => {
    const remote = new URL('http://no-such-host.invalid/');
    const proxied = gateOf({ over: ['lo'], url: remote }, { HTTP_PROXY: 'http://127.0.0.1:3128' });
    assert.equal((await stateAt(proxied)).probed, true);
    const { state } = await stateAt(gateOf({ over: ['lo'], url: remote }));
    assert.match(state.reason, /there is no route to no-such-host\.invalid/);
  });

  it('is closed while the connection is metered', () =>
    withBus(async (env, say) => {
      await say(1);
      const { state } = await stateAt(gateOf({ unmetered: true }, env));
      assert.deepEqual(
        [state.closed?.code, state.closed?.reason],
        ['unmetered', 'reached through lo, which is metered'],
      );
      await say(2);
      assert.equal((await stateAt(gateOf({ unmetered: true }, env))).probed, true);
    }));

  it('is closed outside of its hours, until they begin', async () => {
    const clock = new VirtualClock(at('12:00'));
    const limits = { url, unmetered: false, hours: hours().parse('22:00-06:00') };
    const gate = new LinkGate(limits, deviceContext({ clock }));
    const seen: (string | undefined)[] = [];
    const watching = gate.closed.subscribe(closed => seen.push(closed?.reason));
    await clock.advance(0);
    const ten = 10 * 3_600_000;
    const { state } = await stateAt(gate);
    assert.equal(state.closed?.until, ten);
    clock.setWall(at('22:00'));
    await clock.advance(1000);
    assert.deepEqual(seen, ['outside of its hours (22:00-06:00)', undefined]);
    watching.unsubscribe();
  });
});
