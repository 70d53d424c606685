// SPDX-License-Identifier: MIT
// The running kernel and the simulation behind one face: a script of system calls, and a map that steers programs.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { createHost } from '@tsbpf/host';
import { createKernel, openObject, type BpfObject, type EngineName, EAGAIN, ENOTCONN, EBADF } from 'tsbpf';
import { encodeAddress, type SimSocket } from '@tsbpf/cgroup';
import { makeOwnCgroup } from './own-cgroup.ts';

const HERE = import.meta.dirname;
const OBJECT = readFileSync(resolve(HERE, 'probe.bpf.o'));

/** One of the two sides. */
export interface Side {
  readonly obj: BpfObject;
  /** `result hex extra`. */
  call(line: string): Promise<string>;
  /** The process that makes the real calls. */
  readonly pid?: number | undefined;
  /** Its cgroup. */
  readonly dir?: string;
  close(): void;
}

const unhex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Programs that see packets and TCP events: attached by themselves, for they would count those of other cases. */
export const PACKET_PROGS = ['egress', 'ingress'];
export const EVENT_PROGS = ['events'];
export const OPTION_PROGS = ['options'];
export const POST_BIND_PROGS = ['post4', 'post6'];
const APART = [...PACKET_PROGS, ...EVENT_PROGS, ...OPTION_PROGS];

function attachAll(obj: BpfObject, fd: number, names: readonly string[] | undefined): void {
  for (const prog of Object.values(obj.progs)) {
    if (names?.includes(prog.name) ?? !APART.includes(prog.name)) prog.attachCgroup(fd);
  }
}

/** The running kernel: a process of its own in a cgroup of its own. What is made here is gone after `close`. */
export async function openReal(names?: readonly string[]): Promise<Side> {
  const { dir, remove } = makeOwnCgroup('tsbpf-compare');
  const tmp = mkdtempSync(join(tmpdir(), 'tsbpf-'));
  let actor: ChildProcess | undefined;
  let obj: BpfObject | undefined;
  const close = (): void => {
    actor?.kill('SIGKILL');
    obj?.close();
    rmSync(tmp, { recursive: true, force: true });
    remove();
  };
  try {
    const binary = join(tmp, 'actor');
    const built = spawnSync('cc', ['-O1', '-o', binary, resolve(HERE, 'actor.c')], { encoding: 'utf8' });
    if (built.status !== 0) throw new TypeError(`cannot build the actor: ${built.stderr}`);
    const host = createHost();
    obj = openObject(OBJECT, { sys: host });
    obj.load();
    const child = spawn(binary, [join(dir, 'cgroup.procs')], { stdio: ['pipe', 'pipe', 'inherit'] });
    actor = child;
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    // A dead actor is noticed when it is read from.
    child.stdin.on('error', () => undefined);
    const next = async (): Promise<string> => {
      const { value, done } = await lines.next();
      if (done === true) throw new TypeError('the actor died');
      return value as string;
    };
    if ((await next()) !== 'ready') throw new TypeError('the actor did not start');
    const fd = host.open(dir, 0o200000);
    attachAll(obj, fd, names);
    host.close(fd);
    return {
      obj,
      pid: child.pid,
      dir,
      call(line) {
        child.stdin.write(`${line}\n`);
        return next();
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** The simulation. */
export function openSimulated(names?: readonly string[], engine: EngineName = 'interpreter'): Side {
  const kernel = createKernel(engine === 'interpreter' ? { checked: true } : { engine });
  kernel.cgroups.create('/actor');
  const task = kernel.cgroups.spawn({ cgroup: '/actor' });
  const obj = openObject(OBJECT, { sys: kernel });
  obj.load();
  const fd = kernel.open('/sys/fs/cgroup/actor', 0);
  attachAll(obj, fd, names);
  const sockets = new Map<string, SimSocket>();
  const socket = (name: string): SimSocket => {
    const found = sockets.get(name);
    if (found === undefined) throw new TypeError(`no socket ${name}`);
    return found;
  };
  const answer = (ret: number, out: Uint8Array = new Uint8Array(0), extra = 0): string => `${ret} ${hex(out)} ${extra}`;
  const address = (end: { ip: Uint8Array; port: number }): Uint8Array => {
    const out = new Uint8Array(end.ip.length === 4 ? 8 : 24);
    const view = new DataView(out.buffer);
    view.setUint16(0, end.ip.length === 4 ? 2 : 10, true);
    view.setUint16(2, end.port);
    out.set(end.ip, end.ip.length === 4 ? 4 : 8);
    return out;
  };
  const run = (op: string, a: readonly string[]): string => {
    const [a1 = '', a2 = '', a3 = '', a4 = '', a5 = ''] = a;
    switch (op) {
      case 'S': {
        const made = task.socket({ family: Number(a2), type: Number(a3), protocol: Number(a4) });
        if (typeof made === 'number') return answer(made);
        sockets.set(a1, made);
        return answer(0);
      }
      case 'B':
        return answer(socket(a1).bind(unhex(a2)));
      case 'C':
        return answer(socket(a1).connect(unhex(a2)));
      case 'L':
        return answer(socket(a1).listen());
      case 'A': {
        const child = socket(a1).accept();
        if (child !== undefined) sockets.set(a2, child);
        return answer(child === undefined ? -EAGAIN : 0);
      }
      case 'M':
        return answer(socket(a1).send(unhex(a2)));
      case 'V': {
        const got = socket(a1).recv(Number(a2));
        return typeof got === 'number' ? answer(got) : answer(got.length, got);
      }
      case 'H':
        return answer(socket(a1).shutdown(Number(a2)));
      case 'Z':
        return answer(0);
      case 'T':
        return answer(a2 === '-' ? socket(a1).sendto('hello') : socket(a1).sendto('hello', unhex(a2)));
      case 'R': {
        const got = socket(a1).recvfrom();
        if (typeof got === 'number') return answer(got);
        const bytes = encodeAddress(got.from);
        return answer(got.data.length, bytes.slice(0, bytes.length === 16 ? 8 : 24));
      }
      case 'P': {
        const { remote } = socket(a1);
        return remote === undefined || remote.port === 0 ? answer(-ENOTCONN) : answer(0, address(remote));
      }
      case 'N':
        return answer(0, address({ ip: socket(a1).local.ip, port: 0 }));
      case 'X':
        sockets.get(a1)?.close();
        return answer(sockets.delete(a1) ? 0 : -EBADF);
      case 'O':
        return answer(socket(a1).setsockopt(Number(a2), Number(a3), unhex(a4), Number(a5)));
      case 'G': {
        const room = Number(a4);
        const got = socket(a1).getsockopt(Number(a2), Number(a3), new Uint8Array(70000), room);
        return answer(got.ret, got.optval.slice(0, 32), got.optlen);
      }
      case 'W': {
        const file = task.openSysctl(a1, 'rw');
        if (typeof file === 'number') return answer(file);
        file.pos = BigInt(a3);
        const ret = task.run(() => file.write(unhex(a2)));
        return answer(ret, undefined, Number(file.pos));
      }
      case 'Y': {
        const file = task.openSysctl(a1, 'r');
        if (typeof file === 'number') return answer(file);
        file.pos = BigInt(a3);
        const got = task.run(() => file.read(Number(a2)));
        return typeof got === 'number'
          ? answer(got, undefined, Number(file.pos))
          : answer(got.length, got, Number(file.pos));
      }
      case 'K': {
        const type = a1 === 'b' ? 'block' : 'char';
        return answer(task.mknod({ type, major: Number(a2), minor: Number(a3) }));
      }
      case 'D':
        return answer(task.openDevice(a1, a2 === '0' ? 'r' : a2 === '1' ? 'w' : 'rw'));
      default:
        throw new TypeError(`no call ${op}`);
    }
  };
  return {
    obj,
    call(line) {
      const [op = '', ...args] = line.split(' ');
      return Promise.resolve(run(op, args));
    },
    close: () => obj.close(),
  };
}
