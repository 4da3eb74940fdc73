import { publicHostOf } from '../../devices/flight-review.js';
import type { DeviceAnswer } from './answers.js';
import type { Prompt } from './prompt.js';
import type { Secrets } from './secrets.js';

export interface TargetChoice {
  readonly device: DeviceAnswer;
  /** What is uploaded can be seen without a login. */
  readonly isPublic: boolean;
}

const PUBLIC_PAGE = 'https://logs.px4.io';
const PUBLIC =
  'What is uploaded to logs.px4.io is public: anybody can open and download it, with the places that were flown over.';

type Ask = (prompt: Prompt, secrets: Secrets) => Promise<TargetChoice | undefined>;

/** Asks until there is a target. */
export async function askTarget(prompt: Prompt, secrets: Secrets, takesUlog: boolean): Promise<TargetChoice> {
  for (;;) {
    const review = { value: askReview, text: `PX4 Flight Review (${PUBLIC_PAGE}, or your own)` };
    const ask = await prompt.choose<Ask>('Where do they go?', [
      ...(takesUlog ? [review] : []),
      { value: askFtp, text: 'an FTP server' },
      { value: askWebdav, text: 'a WebDAV server (Nextcloud, a NAS)' },
      { value: askHttp, text: 'a web page that takes files by a form' },
      { value: askFolder, text: 'a folder of this computer, or of a mounted share' },
      { value: askSftp, text: 'a server that is reached by SSH (SFTP)' },
      { value: askTus, text: 'an upload server that speaks tus' },
      { value: askS3, text: 'a bucket of an object store (S3)' },
      { value: askRclone, text: 'a cloud drive, or whatever else rclone reaches' },
    ]);
    const choice = await ask(prompt, secrets);
    if (choice) return choice;
  }
}

const privately = (name: string, comment: string, options: DeviceAnswer['options']): TargetChoice => ({
  device: { name, comment, options },
  isPublic: false,
});

async function askReview(prompt: Prompt): Promise<TargetChoice | undefined> {
  const url = await prompt.ask('Address of the page', { otherwise: PUBLIC_PAGE });
  const isPublic = publicHostOf(url) !== undefined;
  if (isPublic) prompt.say(PUBLIC);
  if (isPublic && !(await prompt.confirm('Upload to a public page?', false))) return undefined;
  const email = await prompt.ask('E-mail that gets the link to each log (empty: nobody)', { otherwise: '' });
  const comment = isPublic ? 'PX4 Flight Review: what is uploaded there is public' : 'PX4 Flight Review';
  const options = { type: 'flight-review', url, ...(email && { email }) };
  return { device: { name: 'review', comment, options }, isPublic };
}

async function askFtp(prompt: Prompt, secrets: Secrets): Promise<TargetChoice> {
  const host = await prompt.ask('Name or address of the server');
  const port = Number(await prompt.ask('Port', { otherwise: '21', problem: portProblem }));
  const user = await prompt.ask('User', { otherwise: 'anonymous' });
  const password =
    user === 'anonymous' ? undefined : await askSecret(prompt, secrets, 'Password', 'archive.password');
  const tls = await prompt.confirm(
    'Encrypted (FTPS)? Without it, the password can be read on the way.',
    true,
  );
  const root = await prompt.ask('Folder on the server', { otherwise: '/' });
  const options = {
    type: 'ftp',
    host,
    ...(port !== 21 && { port }),
    user,
    ...(password && { password }),
    tls,
    root,
  };
  return privately('archive', 'an FTP server', options);
}

async function askSftp(prompt: Prompt): Promise<TargetChoice> {
  const host = await prompt.ask('Name or address of the server');
  const port = Number(await prompt.ask('Port', { otherwise: '22', problem: portProblem }));
  const user = await prompt.ask('User');
  const file = await prompt.ask('File of the private key, whose .pub is in authorized_keys there');
  const root = await prompt.ask('Folder on the server, from the home folder on', { otherwise: '.' });
  const options = { type: 'sftp', host, ...(port !== 22 && { port }), user, key: { file }, root };
  return privately('nas', 'a server that is reached by SSH', options);
}

async function askTus(prompt: Prompt): Promise<TargetChoice> {
  const url = await prompt.ask('Address of the uploads, such as https://example.org/files/');
  return privately('uploads', 'an upload server that speaks tus', { type: 'tus', url });
}

async function askS3(prompt: Prompt, secrets: Secrets): Promise<TargetChoice> {
  const endpoint = await prompt.ask('Address of the store (empty: AWS)', { otherwise: '' });
  const region = endpoint === '' ? await prompt.ask('Region of the bucket', { otherwise: 'us-east-1' }) : '';
  const bucket = await prompt.ask('Name of the bucket');
  const key = await prompt.ask('Access key (empty: that of the AWS tools, or the role of this computer)', {
    otherwise: '',
  });
  const secret = key === '' ? undefined : await askSecret(prompt, secrets, 'Secret key', 'store.secret');
  const place = { ...(endpoint && { endpoint }), ...(region && { region }), bucket, prefix: '{vehicle}/' };
  const login = { ...(key && { access_key: key }), ...(secret && { secret_key: secret }) };
  return privately('store', 'a bucket, with a folder for each vehicle', { type: 's3', ...place, ...login });
}

async function askRclone(prompt: Prompt): Promise<TargetChoice> {
  const remote = await prompt.ask('Remote of rclone and folder, such as drive:flights (rclone listremotes)');
  return privately('drive', 'a remote of rclone', { type: 'rclone', remote });
}

async function askWebdav(prompt: Prompt, secrets: Secrets): Promise<TargetChoice> {
  const url = await prompt.ask('Address of the folder, such as https://dav.example.org/logs');
  const user = await prompt.ask('User (empty: no login)', { otherwise: '' });
  const password = user === '' ? undefined : await askSecret(prompt, secrets, 'Password', 'cloud.password');
  const login = { ...(user && { user }), ...(password && { password }) };
  return privately('cloud', 'a folder on a WebDAV server', { type: 'webdav', url, ...login });
}

async function askHttp(prompt: Prompt, secrets: Secrets): Promise<TargetChoice> {
  const url = await prompt.ask('Address that the form is sent to');
  const field = await prompt.ask("Name of the form's file field", { otherwise: 'file' });
  const hasToken = await prompt.confirm('Does it ask for a token (header Authorization)?', false);
  const token = hasToken
    ? await askSecret(prompt, secrets, 'Whole value, such as Bearer abc', 'site.token')
    : undefined;
  const headers = token ? { headers: { Authorization: token } } : {};
  return privately('site', 'a web page that takes files by a form', {
    type: 'http',
    url,
    file_field: field,
    ...headers,
  });
}

async function askFolder(prompt: Prompt): Promise<TargetChoice> {
  const path = await prompt.ask('Folder that the files go to');
  return privately('archive', 'a folder; it is made if it is missing, but not its parent', {
    type: 'directory',
    path,
  });
}

/** Only the name of the secret's file goes into the configuration. */
async function askSecret(
  prompt: Prompt,
  secrets: Secrets,
  question: string,
  file: string,
): Promise<{ readonly file: string } | undefined> {
  const secret = await prompt.secret(question);
  return secret === '' ? undefined : secrets.add(file, secret);
}

function portProblem(text: string): string | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536
    ? undefined
    : 'a number from 1 to 65535';
}
