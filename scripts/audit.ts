// Asks the package registry for known vulnerabilities of what ships: the packages that are installed with
// the program. Exit code: 0 none, 1 some, 3 the registry does not answer such questions.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import * as z from 'zod';

const NO_ANSWER = 3;

const report = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({ severity: z.string(), range: z.string(), nodes: z.array(z.string()) }),
  ),
});

const { stdout, stderr } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' });
const found = report.safeParse(json(stdout)).data?.vulnerabilities;
if (found === undefined) {
  const [why = 'no answer'] = stderr.split('\n').filter(line => line.includes('audit'));
  process.stderr.write(
    `The registry does not tell of vulnerabilities (${why}): name one that does, such as with\n` +
      '`npm config set registry ADDRESS`, and repeat.\n',
  );
  process.exitCode = NO_ANSWER;
} else {
  for (const [name, { severity, range, nodes }] of Object.entries(found))
    process.stdout.write(`${name} ${range}: ${severity} (${nodes.join(', ')})\n`);
  process.stdout.write(`${Object.keys(found).length} packages with known vulnerabilities\n`);
  process.exitCode = Object.keys(found).length > 0 ? 1 : 0;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
