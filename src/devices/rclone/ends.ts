import type { DeviceContext } from '../../config/definition.js';
import type { RcloneOptions } from './options.js';
import type { DaemonSettings } from './daemon.js';
import { RcloneRemote } from './remote.js';
import { RcloneService } from './service.js';
import { RcloneSource } from './source.js';
import { RcloneTarget } from './target.js';

export function rcloneSource(options: RcloneOptions, context: DeviceContext): RcloneSource {
  const tools = { logger: context.logger, maxFiles: options.max_files };
  return new RcloneSource(remoteOf(options, context), context.name, tools);
}

export function rcloneTarget(options: RcloneOptions, context: DeviceContext): RcloneTarget {
  return new RcloneTarget(remoteOf(options, context), context.name, options.read_back);
}

function remoteOf(options: RcloneOptions, context: DeviceContext): RcloneRemote {
  return new RcloneRemote(options.remote, serviceOf(options, context).opened(), context.name);
}

const services = new WeakMap<DeviceContext, RcloneService>();

/** Both ends of a device have one context, and share one rclone. */
function serviceOf(options: RcloneOptions, context: DeviceContext): RcloneService {
  const service =
    services.get(context) ?? new RcloneService(() => settingsOf(options, context), options.timeout, context);
  services.set(context, service);
  return service;
}

function settingsOf(options: RcloneOptions, context: DeviceContext): DaemonSettings {
  const { logger, clock } = context;
  const { config_password: ref } = options;
  const password = ref === undefined ? undefined : context.secret(ref);
  return {
    program: options.program.includes('/') ? context.resolvePath(options.program) : options.program,
    args: argsOf(options, context),
    env: environmentOf(password, context),
    secrets: password === undefined ? [] : [password],
    clock,
    log: line => logger.log('debug', `rclone: ${line}`),
  };
}

/** What depends on the environment elsewhere is fixed: other values would hide files, or the address at which it serves. */
function argsOf({ config, timeout }: RcloneOptions, context: DeviceContext): string[] {
  return [
    ...(config === undefined ? [] : ['--config', context.resolvePath(config)]),
    '--rc-serve',
    // Transfers take as long as they take: rclone watches that bytes move.
    ...[
      '--rc-server-read-timeout',
      '0s',
      '--rc-server-write-timeout',
      '0s',
      '--rc-max-header-bytes',
      '65536',
    ],
    ...['--timeout', `${timeout}ms`, '--contimeout', `${timeout}ms`, '--low-level-retries', '3'],
    // One request a file less, where the time is kept in its metadata.
    '--use-server-modtime',
    // A file that is there is never replaced.
    '--ignore-existing',
    '--ask-password=false',
    ...['--buffer-size', '0', '--stats', '0', '--log-level', 'NOTICE'],
  ];
}

/** Settings of rclone that belong to its other uses: its own service, its log, filters, and rehearsals. */
const FOREIGN =
  /^RCLONE_(RC|LOG|VERBOSE|QUIET|DRY_RUN|INTERACTIVE|USE_JSON_LOG|SYSLOG|STATS|PROGRESS|FILTER|INCLUDE|EXCLUDE|FILES_FROM|M(IN|AX)_|BACKUP_DIR|SUFFIX|COMPARE_DEST|COPY_DEST|NO_CHECK_DEST|DUMP)/;

function environmentOf(password: string | undefined, context: DeviceContext): Record<string, string> {
  const own = Object.entries(context.env).flatMap(([name, value]) =>
    value === undefined || FOREIGN.test(name) ? [] : [[name, value] as const],
  );
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    ...Object.fromEntries(own),
    ...(password !== undefined && { RCLONE_CONFIG_PASS: password }),
  };
}
