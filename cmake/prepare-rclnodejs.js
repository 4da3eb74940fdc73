// Makes an installed rclnodejs ready to run, so that nothing is compiled, generated or fetched when the node starts:
//
//   node prepare-rclnodejs.js NODE_MODULES WORK_FOLDER OWN_PACKAGE_FOLDER
//
// 1. the native add-on: the prebuilt one where it fits this system, else built from source (and kept in WORK_FOLDER);
// 2. the JavaScript side of the messages that the node uses, its own included.
//
// Does nothing where all its inputs are as at its last success: they are recorded next to the library, and removed
// with it when it is installed again. ROS must be sourced. Ends with 1 and a sentence if anything is missing.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const [nodeModules, workFolder, ownPackage] = process.argv.slice(2).map(path => resolve(path));
const module = join(nodeModules, 'rclnodejs');
const distro = process.env.ROS_DISTRO;
const mark = join(module, 'prepared.json');

/** What the client library itself loads, and the node's own messages and services. An empty list is the whole package. */
const INTERFACES = {
  action_msgs: [],
  builtin_interfaces: [],
  diagnostic_msgs: ['msg/DiagnosticArray', 'msg/DiagnosticStatus', 'msg/KeyValue'],
  mavros_msgs: [
    'msg/FileEntry',
    'msg/Mavlink',
    'msg/State',
    'srv/EndpointAdd',
    'srv/EndpointDel',
    'srv/FileChecksum',
    'srv/FileClose',
    'srv/FileList',
    'srv/FileOpen',
    'srv/FileRead',
    'srv/FileRemove',
  ],
  rcl_interfaces: [],
  rosgraph_msgs: [],
  service_msgs: [],
  std_msgs: [],
  std_srvs: [],
  type_description_interfaces: [],
  unique_identifier_msgs: [],
};

function fail(message) {
  process.stderr.write(`prepare-rclnodejs: ${message}\n`);
  process.exit(1);
}

function run(command, args, options) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (status !== 0) fail(`${command} ${args.join(' ')}: ${error ?? `exit code ${status}`}`);
}

// ---- the native add-on ----------------------------------------------------------------------------------

/** Whether this process' Node can load it now, with the sourced ROS. */
function loads(addon) {
  const load = 'process.dlopen({ exports: {} }, process.argv[1])';
  return existsSync(addon) && spawnSync(process.execPath, ['-e', load, addon]).status === 0;
}

function prebuilt() {
  const release = readFileSync('/etc/os-release', 'utf8');
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(release)?.[1];
  const name = `${distro}-${codename}-${process.arch}-node-rclnodejs.node`;
  return join(module, 'prebuilds', `linux-${process.arch}`, name);
}

/** Node's own headers where they are installed with it; without them node-gyp fetches some. */
function headers() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

/** What a built one depends on. */
function addonKind() {
  const { version } = JSON.parse(readFileSync(join(module, 'package.json'), 'utf8'));
  return `${version}-${distro}-${process.arch}-${process.versions.modules}`;
}

function built() {
  const kept = join(workFolder, `rclnodejs-${addonKind()}.node`);
  if (loads(kept)) return kept;
  const gyp = createRequire(join(module, 'package.json')).resolve('node-gyp/bin/node-gyp.js');
  // A make around this one must not hand its own flags down.
  const { MAKEFLAGS: _flags, MAKELEVEL: _level, ...env } = process.env;
  run(process.execPath, [gyp, '--loglevel=warn', ...headers(), 'rebuild'], { cwd: module, env });
  mkdirSync(workFolder, { recursive: true });
  cpSync(join(module, 'build/Release/rclnodejs.node'), kept);
  return kept;
}

function prepareAddon() {
  const addon = loads(prebuilt()) ? prebuilt() : built();
  if (!loads(addon)) fail(`${addon} does not load`);
  const place = join(module, 'build/Release/rclnodejs.node');
  const kept = readFileSync(addon);
  rmSync(join(module, 'build'), { recursive: true, force: true });
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, kept);
}

// ---- the messages ---------------------------------------------------------------------------------------

function shareOf(name) {
  const prefixes = (process.env.AMENT_PREFIX_PATH ?? '')
    .split(':')
    .map(prefix => join(prefix, 'share', name));
  return prefixes.find(existsSync);
}

/** Everything that a package defines, as `msg/Name` and `srv/Name`. */
function definitions(share) {
  return ['msg', 'srv'].flatMap(kind =>
    (existsSync(join(share, kind)) ? readdirSync(join(share, kind)) : [])
      .filter(file => file.endsWith(`.${kind}`) && !/_(Request|Response|Event)\.msg$/.test(file))
      .map(file => `${kind}/${file.slice(0, -4)}`),
  );
}

/** A prefix that holds only what is needed: the generator starts a process for every message that it finds. */
function makePrefix(prefix, packages) {
  const index = join(prefix, 'share/ament_index/resource_index/rosidl_interfaces');
  rmSync(prefix, { recursive: true, force: true });
  mkdirSync(index, { recursive: true });
  for (const [name, { share, names }] of packages) {
    writeFileSync(join(index, name), names.map(one => `${one}.${one.slice(0, 3)}\n`).join(''));
    symlinkSync(share, join(prefix, 'share', name));
  }
}

function neededPackages() {
  const packages = new Map([['filesync', { share: ownPackage, names: definitions(ownPackage) }]]);
  for (const [name, wanted] of Object.entries(INTERFACES)) {
    const share = shareOf(name);
    if (share) packages.set(name, { share, names: wanted.length > 0 ? wanted : definitions(share) });
    else if (name === 'mavros_msgs')
      process.stdout.write('mavros_msgs is not installed: no MAVROS devices\n');
    else
      fail(
        `the ROS package ${name} is missing; is ROS sourced, and did rosdep install what package.xml names?`,
      );
  }
  return packages;
}

/** The generator reports success whatever happens: only loading each one, with what it refers to, proves that it worked. */
function checkGenerated(packages) {
  const all = [...packages].flatMap(([name, { names }]) => names.map(one => `${name}/${one}`));
  const load =
    'import(process.argv[1]).then(({ default: one }) => { for (const name of process.argv.slice(2)) one.require(name); })';
  run(process.execPath, ['-e', load, join(module, 'dist/index.js'), ...all], { timeout: 120_000 });
}

function prepareMessages(packages) {
  const prefix = join(workFolder, 'prefix');
  makePrefix(prefix, packages);
  const generate = `import(process.argv[1]).then(({ default: one }) => one.generateAll(true))`;
  const generator = join(module, 'rosidl_gen/index.cjs');
  run(process.execPath, ['-e', generate, generator], { env: { ...process.env, AMENT_PREFIX_PATH: prefix } });
  checkGenerated(packages);
}

// ---- what went into it ----------------------------------------------------------------------------------

/** Changes with the messages' text and with how they are made. */
function fingerprint(packages) {
  const hash = createHash('sha256');
  const add = (...parts) => parts.forEach(part => hash.update(`${part}\0`));
  add(readFileSync(fileURLToPath(import.meta.url)), addonKind());
  for (const [name, { share, names }] of packages)
    for (const one of names) add(name, one, readFileSync(join(share, `${one}.${one.slice(0, 3)}`)));
  return hash.digest('hex');
}

function prepare() {
  const packages = neededPackages();
  const now = { addon: addonKind(), messages: fingerprint(packages) };
  const before = existsSync(mark) ? JSON.parse(readFileSync(mark, 'utf8')) : {};
  if (before.messages === now.messages) return;
  rmSync(mark, { force: true });
  if (before.addon !== now.addon) prepareAddon();
  prepareMessages(packages);
  writeFileSync(mark, JSON.stringify(now));
}

if (!distro) fail('ROS is not sourced: source /opt/ros/<distro>/setup.bash first');
if (!existsSync(module)) fail(`${module} is missing: npm left the optional dependency out`);
prepare();
