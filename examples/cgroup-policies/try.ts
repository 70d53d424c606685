// SPDX-License-Identifier: MIT
// Walks through a policy on the command line: each call a task makes, what it got, and which program decided what.
//   npm run policies -- sysctl --engine jit
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createKernel, type EngineName, errnoName, openObject, type SimulatedKernel } from 'tsbpf';

const [AF_INET, SOCK_STREAM] = [2, 1];
const [SOL_SOCKET, SO_SNDBUF, SO_MARK, SOL_TCP, TCP_CONGESTION] = [1, 7, 36, 6, 13];
const ENGINES = ['interpreter', 'jit'] as const;

/** A call's result as strace shows it. */
const answer = (value: unknown): string =>
  typeof value === 'number' && value < 0 ? `-1 ${errnoName(value)}` : JSON.stringify(value);

/** A machine with one policy at /container, and lines of what happens there. */
function machine(object: string, programs: readonly string[], engine: EngineName) {
  const kernel: SimulatedKernel = createKernel({ engine });
  kernel.cgroups.create('/container');
  const obj = openObject(readFileSync(resolve(import.meta.dirname, object)), { sys: kernel });
  obj.load();
  const fd = kernel.open('/sys/fs/cgroup/container', 0);
  for (const name of programs) obj.program(name).attachCgroup(fd);
  const lines: string[] = [];
  const call = <T>(what: string, act: () => T, show: (result: T) => unknown = (result) => result): T => {
    const { result, decisions } = kernel.cgroups.trace(act);
    lines.push(`${what} = ${answer(show(result))}`);
    for (const { hook, cgroup, progName, verdict, allowed } of decisions) {
      lines.push(`    ${hook} at ${cgroup}: ${progName} returned ${verdict}, ${allowed ? 'allowed' : 'DENIED'}`);
    }
    return result;
  };
  return { kernel, lines, call, close: () => obj.close() };
}

const WALKS: Readonly<Record<string, (engine: EngineName) => string[]>> = {
  sysctl(engine) {
    const { kernel, lines, call, close } = machine('sysctl_guard.bpf.o', ['guard'], engine);
    const inside = kernel.cgroups.spawn({ cgroup: '/container', comm: 'sysctl' });
    const outside = kernel.cgroups.spawn({ comm: 'admin' });
    const write = (name: string, value: string, task = inside): void =>
      void call(`${task.task.comm}: write ${name} "${value}"`, () => task.writeSysctl(name, value));
    const read = (name: string): void => void call(`sysctl: read ${name}`, () => inside.readSysctl(name));
    for (const value of ['1', '0', '1']) write('net.ipv4.ip_forward', value);
    write('net.ipv4.ip_forward', '1', outside);
    write('net.core.somaxconn', '100000');
    read('net.core.somaxconn');
    close();
    return lines;
  },
  sockopt(engine) {
    const { kernel, lines, call, close } = machine('sockopt_policy.bpf.o', ['limit', 'hide'], engine);
    const socket = kernel.cgroups.spawn({ cgroup: '/container' }).socket({ family: AF_INET, type: SOCK_STREAM });
    if (typeof socket === 'number') return [`socket = ${answer(socket)}`];
    const int = ({ ret, optval }: { ret: number; optval: Uint8Array }): number =>
      ret < 0 ? ret : new DataView(optval.buffer).getInt32(0, true);
    const text = ({ ret, optval }: { ret: number; optval: Uint8Array }): number | string =>
      ret < 0 ? ret : new TextDecoder().decode(optval).replace(/\0.*$/s, '');
    call('setsockopt SO_SNDBUF 200000', () => socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 200_000));
    call('getsockopt SO_SNDBUF', () => socket.getsockopt(SOL_SOCKET, SO_SNDBUF), int);
    call('setsockopt SO_MARK 7', () => socket.setsockopt(SOL_SOCKET, SO_MARK, 7));
    call('getsockopt SO_MARK', () => socket.getsockopt(SOL_SOCKET, SO_MARK), int);
    const name = new TextEncoder().encode('no such thing');
    call('setsockopt TCP_CONGESTION "no such thing"', () => socket.setsockopt(SOL_TCP, TCP_CONGESTION, name));
    call('getsockopt TCP_CONGESTION', () => socket.getsockopt(SOL_TCP, TCP_CONGESTION, 16), text);
    close();
    return lines;
  },
};

/** What a walk prints. */
export function walk(name: string, engine: EngineName): string[] {
  const lines = WALKS[name]?.(engine);
  if (lines === undefined) throw new RangeError(`no policy "${name}": there are ${Object.keys(WALKS).join(' and ')}`);
  return lines;
}

/** Runs the command: an exit status. */
export function main(args: readonly string[]): number {
  const at = args.indexOf('--engine');
  const engine = at < 0 ? 'interpreter' : args[at + 1];
  const [name = 'sysctl', extra] = at < 0 ? args : args.toSpliced(at, 2);
  const known = ENGINES.find((one) => one === engine);
  const problem =
    known === undefined
      ? `--engine ${engine ?? ''}: there are ${ENGINES.join(' and ')}`
      : WALKS[name] === undefined
        ? `no policy "${name}": there are ${Object.keys(WALKS).join(' and ')}`
        : extra === undefined
          ? undefined
          : `one word too many: ${extra}`;
  if (problem !== undefined || known === undefined) {
    console.error(`${problem}\nusage: npm run policies -- [sysctl|sockopt] [--engine interpreter|jit]`);
    return 2;
  }
  console.log(walk(name, known).join('\n'));
  return 0;
}

if (process.argv[1] !== undefined && import.meta.filename === join(process.argv[1])) {
  process.exitCode = main(process.argv.slice(2));
}
