import type { DeviceContext } from '../../config/definition.js';
import { toFileSyncError } from '../../errors.js';
import { MANY_FILES } from '../../rules/first-contact.js';
import type { Answers, DeviceAnswer, SourceAnswer } from './answers.js';
import type { Prompt } from './prompt.js';
import type { Secrets } from './secrets.js';
import { askSource, type Found, type Offer, type SerialTools } from './sources.js';
import { askTarget, type TargetChoice } from './targets.js';
import { countFiles, problemsOf, tryTarget } from './trial.js';

export interface InterviewContext {
  readonly prompt: Prompt;
  readonly found: Found;
  readonly secrets: Secrets;
  readonly serial: SerialTools;
  readonly signal: AbortSignal;
  readonly contextFor: (device: string) => DeviceContext;
}

/** Asks for all that a first configuration needs. */
export async function interview(
  context: InterviewContext,
): Promise<Pick<Answers, 'sources' | 'target' | 'begin'>> {
  const offers = await askSources(context);
  const takesUlog = offers.every(({ source }) => !source.include.some(pattern => /bin/i.test(pattern)));
  const { device, isPublic } = await askWorkingTarget(context, takesUlog);
  const sources = offers.map(({ source }) =>
    device.options.type === 'flight-review' ? onlyUlog(source) : source,
  );
  const target = renamed(device, sources);
  return { sources, target, begin: await askBegin(context, offers, isPublic) };
}

/** Flight Review refuses everything else. */
const onlyUlog = (source: SourceAnswer): SourceAnswer => ({ ...source, include: ['**/*.ulg'] });

async function askSources(context: InterviewContext): Promise<readonly Offer[]> {
  const offers: Offer[] = [];
  do {
    const { source, armed } = await askSource(context.prompt, context.found, context.serial);
    const problems = problemsOf(source);
    for (const problem of problems) context.prompt.say(`  ${problem}`);
    if (problems.length === 0)
      offers.push({
        source: renamed(
          source,
          offers.map(offer => offer.source),
        ),
        armed,
      });
  } while (offers.length === 0 || (await context.prompt.confirm('Another source?', false)));
  return offers;
}

/** Under a name that none of the others has. */
function renamed<Answer extends DeviceAnswer>(answer: Answer, others: readonly DeviceAnswer[]): Answer {
  const base = answer.name.replace(/\d+$/, '');
  let { name } = answer;
  for (let number = 2; others.some(other => other.name === name); number++) name = `${base}${number}`;
  return { ...answer, name };
}

async function askWorkingTarget(context: InterviewContext, takesUlog: boolean): Promise<TargetChoice> {
  const { prompt, secrets, contextFor, signal } = context;
  for (;;) {
    const choice = await askTarget(prompt, secrets, takesUlog);
    const problems = problemsOf(choice.device);
    for (const problem of problems) prompt.say(`  ${problem}`);
    if (problems.length > 0) continue;
    prompt.say('Trying it ...');
    const { available, reason } = await tryTarget(choice.device, contextFor(choice.device.name), signal);
    prompt.say(`  ${available ? 'ok' : 'FAIL'}: ${reason}`);
    if (available || (await prompt.confirm('Use it anyway?', false))) return choice;
  }
}

async function askBegin(
  context: InterviewContext,
  offers: readonly Offer[],
  isPublic: boolean,
): Promise<Answers['begin']> {
  const { prompt } = context;
  const counts: number[] = [];
  for (const offer of offers) counts.push(await count(context, offer));
  const hasMany = counts.some(files => files > MANY_FILES);
  if (hasMany) prompt.say(`More than ${MANY_FILES} files are there already.`);
  if (isPublic) prompt.say('Old logs would become public too.');
  const all = await prompt.confirm('Deliver the files that are there already, too?', !hasMany && !isPublic);
  return all ? 'all' : 'new';
}

/** 0 where the source cannot be listed now, or may not be. */
async function count(
  { prompt, contextFor, signal }: InterviewContext,
  { source, armed }: Offer,
): Promise<number> {
  const { type, mount_point: unmounted } = source.options as { type: string; mount_point?: string };
  if (type === 'mavros' || unmounted !== undefined) return 0;
  if (type === 'mavlink') {
    if (armed) prompt.say('The vehicle is armed: its files are not listed now.');
    const ask =
      'List the files on the vehicle now? That sends requests to it, as FileSync will do while it is disarmed.';
    if (armed || !(await prompt.confirm(ask, false))) return 0;
  }
  try {
    return await countFiles(source, contextFor(source.name), signal);
  } catch (thrown) {
    prompt.say(`  ${source.name}: ${toFileSyncError(thrown).message}`);
    return 0;
  }
}
