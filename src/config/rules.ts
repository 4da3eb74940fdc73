import type * as z from 'zod';
import type { DeviceType } from './definition.js';
import type { Rule } from '../rules/rule.js';
import { namesIn, parseTemplate } from '../rules/template.js';
import type { DeviceConfig } from './config.js';
import type { ConfigPlace } from './issues.js';
import { isRecord } from './introspect.js';
import { suggest } from './nearest.js';
import { ruleSchema, toRule } from './schema.js';
import { validate } from './validate.js';

export type KnownDevices = ReadonlyMap<string, DeviceType | undefined>;

/** The locks that devices name, by device. */
export type Locks = ReadonlyMap<string, Pick<DeviceConfig, 'lock'>>;

/** The valid rules; errors in the others are reported at their `place`. */
export function checkRules(
  raw: unknown,
  devices: KnownDevices,
  locks: Locks,
  place: ConfigPlace,
): readonly Rule[] {
  const list: unknown[] = Array.isArray(raw) ? raw : [];
  const rules = list.flatMap((rule, index) => checkRule(rule, devices, locks, place.at(index)) ?? []);
  const circle = findCircle(rules);
  if (circle) place.warn(circleWarning(circle));
  return rules;
}

function checkRule(raw: unknown, devices: KnownDevices, locks: Locks, place: ConfigPlace): Rule | undefined {
  const rule = validate(ruleSchema, raw, place);
  if (isRecord(raw)) checkDevicesOf(raw, devices, place);
  if (!rule) return undefined;
  if (rule.via === 'stream') checkLocks(rule, locks, place.at('via'));
  checkSizes(rule, place.at('smaller_than'));
  checkSpace(rule, devices.get(rule.from), place.at('after', 'source'));
  if (rule.begin_before_complete && !rule.together)
    place.at('begin_before_complete').error('needs `together`, which says what is complete');
  if (rule.together) checkUnits(rule, place);
  if (!namesTheFile(rule.path)) place.at('path').warn(ALL_ALIKE);
  return toRule(rule);
}

type RuleOptions = z.output<typeof ruleSchema>;

/** Of a rule with `together`. */
function checkUnits({ min_duration, path }: RuleOptions, place: ConfigPlace): void {
  if (min_duration !== undefined) place.at('min_duration').warn(TAKES_UNITS);
  const own = parseTemplate(path).find(({ kind, text }) => kind === 'placeholder' && isOfOneFile(text));
  if (!own) return;
  const what = `{${own.text}} is not the same for files that go together`;
  place.at('path').warn(`${what}: they would arrive in different folders; take it out`);
}

/** Its value may be another one for each file of a folder. */
const isOfOneFile = (placeholder: string): boolean =>
  namesIn(placeholder).some(name => /^(?:log\.|file\.(?:date|size)$)/.test(name));

function checkSizes({ larger_than = -1, smaller_than = Infinity }: RuleOptions, place: ConfigPlace): void {
  if (smaller_than > larger_than + 1) return;
  place.error(
    'no file is larger than larger_than and smaller than this; raise it, or leave out one of the two',
  );
}

/** Where free space is unknown, nothing would ever be removed. */
function checkSpace({ from, after }: RuleOptions, type: DeviceType | undefined, place: ConfigPlace): void {
  if (typeof after.source === 'string' || type?.tellsSpace !== false) return;
  place
    .at('keep_free')
    .error(`"${from}" (type ${type.type}) cannot report its free space; use keep or delete`);
}

/** A stream uses both ends at once, which one lock over both never permits. */
function checkLocks({ from, to }: Pick<Rule, 'from' | 'to'>, locks: Locks, place: ConfigPlace): void {
  const lock = locks.get(from)?.lock;
  const locked = lock === undefined ? [] : to.filter(target => locks.get(target)?.lock === lock);
  if (locked.length === 0) return;
  const both = `${[from, ...locked].join(' and ')} have the lock "${lock}", so they are never used at the same time`;
  place.error(`"stream" uses both ends at once, but ${both}; use via: local, or another lock`);
}

/** Checks the raw values, so that an error elsewhere in the rule hides nothing. */
function checkDevicesOf(
  { from, to }: Readonly<Record<string, unknown>>,
  devices: KnownDevices,
  place: ConfigPlace,
): void {
  const targets: unknown[] = Array.isArray(to) ? to : [];
  checkEnd('source', from, devices, place.at('from'));
  for (const [index, target] of targets.entries()) {
    const at = place.at('to', index);
    checkEnd('target', target, devices, at);
    if (target === from) at.error("the rule's own source; a rule goes from one device to another");
    if (targets.indexOf(target) < index) at.error('named twice; leave one out');
  }
}

function checkEnd(end: 'source' | 'target', name: unknown, devices: KnownDevices, place: ConfigPlace): void {
  if (typeof name !== 'string' || name === '') return;
  if (!devices.has(name)) {
    place.error(`unknown device "${name}"; ${suggest(name, [...devices.keys()])}`);
    return;
  }
  const type = devices.get(name);
  if (!type || canBe(end, type)) return;
  const able = [...devices].flatMap(([name, type]) => (type && canBe(end, type) ? [name] : []));
  const remedy = able.length > 0 ? `devices that can: ${able.join(', ')}` : 'no device here can';
  place.error(`"${name}" (type ${type.type}) cannot be a ${end}; ${remedy}`);
}

function canBe(end: 'source' | 'target', type: DeviceType): boolean {
  return end in type;
}

const TAKES_UNITS =
  'leaves files that go together alone (a bag would never be complete without a short part); take it out, or give these files a rule of their own';
const ALL_ALIKE =
  'has neither {file.name} nor {file.path}, so files may get the same name, and a target takes a name only once';

function namesTheFile(template: string): boolean {
  return parseTemplate(template).some(
    ({ kind, text }) => kind === 'placeholder' && (text === 'file.name' || text === 'file.path'),
  );
}

/** Devices whose rules form a circle; the first one is also the last. */
function findCircle(rules: readonly Rule[]): readonly string[] | undefined {
  const done = new Set<string>();
  const walk = (device: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(device)) return [...trail.slice(trail.indexOf(device)), device];
    if (done.has(device)) return undefined;
    done.add(device);
    return firstDefined(targetsOf(device, rules), target => walk(target, [...trail, device]));
  };
  return firstDefined(rules, ({ from }) => walk(from, []));
}

function targetsOf(device: string, rules: readonly Rule[]): string[] {
  return rules.filter(({ from }) => from === device).flatMap(({ to }) => to);
}

function firstDefined<Item, Result>(
  items: readonly Item[],
  find: (item: Item) => Result | undefined,
): Result | undefined {
  for (const item of items) {
    const result = find(item);
    if (result !== undefined) return result;
  }
  return undefined;
}

function circleWarning(circle: readonly string[]): string {
  return `files are copied in a circle (${circle.join(' -> ')}) and multiply unless include and exclude keep them apart`;
}
