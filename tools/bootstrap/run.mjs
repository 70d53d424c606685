// SPDX-License-Identifier: MIT
// `npm start` and `npm test` on a bare machine: Node and npm are all that is needed.
//   start [args]  runs the command on the example, or on the arguments given
//   test [args]   runs the unit tests; arguments go to vitest
//   install       only installs the dependencies, if node_modules is not what the lockfile says
// Exit status: that of what ran; 2 where it could not be run.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = [20, 19];
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const EXAMPLE = 'examples/xdp-firewall';

/** @param {string} line */
const say = (line) => void process.stderr.write(`tsbpf: ${line}\n`);

/** @param {string[]} args */
function node(args, toStderr = false) {
  const run = spawnSync(process.execPath, args, { cwd: root, stdio: ['inherit', toStderr ? 2 : 'inherit', 'inherit'] });
  if (run.error !== undefined) say(run.error.message);
  return run.status ?? 1;
}

function nodeIsNewEnough() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return true;
  say(
    `needs Node.js ${NEEDED.join('.')} or newer; this is ${process.versions.node}. See https://nodejs.org/en/download`,
  );
  return false;
}

/** @param {string[]} projects */
function build(projects) {
  const status = node([join('node_modules', 'typescript', 'bin', 'tsc'), '-b', ...projects], true);
  if (status !== 0) say('the build failed; the compiler’s output is above');
  return status === 0;
}

/** @param {string[]} args */
function start(args) {
  const main = join('packages', 'cli', 'dist', 'main.js');
  const command = args.length > 0 ? args : ['run', `${EXAMPLE}/firewall.bpf.o`, '--pcap', `${EXAMPLE}/traffic.pcap`];
  const inputs = args.length > 0 ? [] : [command[1], command[3]];
  for (const path of [main, ...inputs]) {
    if (existsSync(join(root, path))) continue;
    say(`${path} is missing; this checkout is incomplete`);
    return 2;
  }
  say(`node packages/cli/dist/main.js ${command.join(' ')}`);
  return node([main, ...command]);
}

async function main() {
  const [verb, ...args] = process.argv.slice(2);
  if (verb !== 'start' && verb !== 'test' && verb !== 'install') {
    say('usage: node tools/bootstrap/run.mjs start|test|install [arguments]');
    return 2;
  }
  if (!nodeIsNewEnough()) return 2;
  // Imported late: an old Node should get the message above.
  const { install } = await import('./install.mjs');
  if (!install(root, say)) return 2;
  if (verb === 'install') return 0;
  if (!existsSync(join(root, 'packages', 'uapi', 'dist'))) say('building (tsc -b) ...');
  if (verb === 'start') return build(['packages/cli']) ? start(args) : 2;
  // Unit tests run the sources, so a type error does not keep them from running; it still fails the command.
  const built = build([]);
  const status = node([join('node_modules', 'vitest', 'vitest.mjs'), 'run', ...args]);
  return built ? status : status || 1;
}

process.exitCode = await main();
