// SPDX-License-Identifier: MIT
// Each table's cases on the simulated kernel: what happens, in the word the table has for it, or in other words.
import type { SimSocket } from '@tsbpf/cgroup';
import type { EngineName } from 'tsbpf';
import {
  BPF_CGROUP_INET4_BIND,
  BPF_CGROUP_INET4_CONNECT,
  BPF_CGROUP_INET6_BIND,
  BPF_CGROUP_INET6_CONNECT,
  BPF_CGROUP_UDP4_SENDMSG,
  BPF_CGROUP_UDP6_SENDMSG,
  BPF_PROG_TYPE_CGROUP_SOCK,
  BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  BPF_PROG_TYPE_CGROUP_SOCKOPT,
  BPF_PROG_TYPE_CGROUP_SYSCTL,
  EFAULT,
  ENOTSUPP,
  EPERM,
  errnoName,
} from '../../packages/uapi/src/index.ts';
import type { Suite } from './source.ts';
import { fromHex, World, type TableProgram } from './world.ts';

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;

interface Row extends TableProgram {
  readonly index: number;
  readonly descr: string;
  readonly result: string;
}

interface SysctlRow extends Row {
  readonly sysctl: string;
  readonly write: boolean;
  readonly seek: number;
  readonly newval?: string;
  readonly oldval?: string;
  readonly fixup?: number;
}

interface SockRow extends Row {
  readonly family: number;
  readonly type: number;
  readonly ip?: string;
  readonly port: number;
  readonly portRetry: number;
}

interface SockAddrRow extends Row {
  readonly family: number;
  readonly type: number;
  readonly requestedIp?: string;
  readonly requestedPort: number;
  readonly expectedIp?: string;
  readonly expectedPort: number;
  readonly expectedSource?: string;
}

interface SockoptRow extends Row {
  readonly setLevel: number;
  readonly setName: number;
  readonly setLen: number;
  readonly setValue: string;
  readonly getLevel: number;
  readonly getName: number;
  readonly getLen: number;
  readonly getLenAfter: number;
  readonly getValue: string;
}

const word = (ret: number): string => (ret < 0 ? errnoName(-ret) : String(ret));

/** Loads and attaches: a word where that fails. */
function begin(
  world: World,
  progType: number,
  row: Row,
  more: { patch?: (insns: Uint8Array) => void; flags?: number } = {},
): string | undefined {
  const fd = world.load(progType, row, more.patch);
  if (fd < 0) return row.object === undefined ? 'load-reject' : `load-reject: ${world.refusal}`;
  return world.attach(fd, row.attachType, more.flags) < 0 ? 'attach-reject' : undefined;
}

function sysctl(world: World, row: SysctlRow): string {
  const { task } = world;
  const patch = (insns: Uint8Array): void => {
    if (row.fixup === undefined) return;
    // The sysctl's text as a number of eight bytes.
    const text = new TextEncoder().encode(String(task.readSysctl(row.sysctl)));
    const at = 8 * row.fixup;
    insns.set(text.subarray(0, 4), at + 4);
    insns.set(text.subarray(4, 8), at + 12);
  };
  const failed = begin(world, BPF_PROG_TYPE_CGROUP_SYSCTL, row, { patch });
  if (failed !== undefined) return failed;
  const file = task.openSysctl(row.sysctl, row.write ? 'w' : 'r');
  if (typeof file === 'number') return `open: ${word(file)}`;
  file.pos = BigInt(row.seek);
  if (row.write) {
    const ret = task.run(() => file.write(new TextEncoder().encode(row.newval)));
    return ret < 0 ? word(ret) : 'success';
  }
  const got = task.run(() => file.read(128));
  if (typeof got === 'number') return word(got);
  const text = new TextDecoder().decode(got);
  return row.oldval === undefined || text.startsWith(row.oldval) ? 'success' : `read ${JSON.stringify(text)}`;
}

function sock(world: World, row: SockRow): string {
  const failed = begin(world, BPF_PROG_TYPE_CGROUP_SOCK, row);
  if (failed !== undefined) return failed;
  const socket = world.socket(row.family, row.type);
  const bind = (port: number): number => socket.bind({ ip: row.ip ?? '', port });
  const first = bind(row.port);
  if (first === 0) return 'success';
  if (first !== -EPERM || row.portRetry === 0) return word(first);
  const second = bind(row.portRetry);
  return second === 0 ? 'retry-success' : `retry-${word(second)}`;
}

/** Addresses by value: `::1` has more than one spelling. */
function sameIp(a: Uint8Array | undefined, ip: string | undefined): boolean {
  if (a === undefined || ip === undefined) return a === undefined && ip === undefined;
  const text = ip.includes(':') ? new URL(`http://[${ip}]`).hostname : ip;
  const own = a.length === 4 ? a.join('.') : new URL(`http://[${hextets(a)}]`).hostname;
  return own === text;
}

const hextets = (a: Uint8Array): string =>
  Array.from({ length: 8 }, (_, i) => (((a[2 * i] ?? 0) << 8) | (a[2 * i + 1] ?? 0)).toString(16)).join(':');

const at = ({ local, remote }: SimSocket): string =>
  `${hextets(local.ip)}:${local.port} to ${remote === undefined ? '-' : `${remote.ip.join('.')}:${remote.port}`}`;

function bindCase(world: World, row: SockAddrRow): string {
  const { requestedIp: ip = '', requestedPort, expectedIp, expectedPort } = row;
  const server = world.socket(row.family, row.type);
  const ret = server.bind({ ip, port: requestedPort });
  if (ret < 0) return word(ret);
  if (row.type === SOCK_STREAM) server.listen();
  if (!sameIp(server.local.ip, expectedIp) || server.local.port !== expectedPort) return `bound to ${at(server)}`;
  const client = world.socket(row.family, row.type).connect({ ip: expectedIp ?? '', port: expectedPort });
  return client < 0 ? `connect: ${word(client)}` : 'success';
}

function connectCase(world: World, row: SockAddrRow): string {
  const server = world.socket(row.family, row.type);
  const bound = server.bind({ ip: row.expectedIp ?? '', port: row.expectedPort });
  if (bound < 0) return `bind: ${word(bound)}`;
  if (row.type === SOCK_STREAM) server.listen();
  const client = world.socket(row.family, row.type);
  const ret = client.connect({ ip: row.requestedIp ?? '', port: row.requestedPort });
  if (ret < 0) return word(ret);
  const right = sameIp(client.remote?.ip, row.expectedIp) && client.remote?.port === row.expectedPort;
  return right && sameIp(client.local.ip, row.expectedSource) ? 'success' : `connected ${at(client)}`;
}

function datagramCase(world: World, row: SockAddrRow): string {
  const server = world.socket(row.family, SOCK_DGRAM);
  const bound = server.bind({ ip: row.expectedIp ?? '', port: row.expectedPort });
  if (bound < 0) return `bind: ${word(bound)}`;
  const ret = world.socket(row.family, SOCK_DGRAM).sendto('a', { ip: row.requestedIp ?? '', port: row.requestedPort });
  if (ret < 0) return ret === -ENOTSUPP ? 'ENOTSUPP' : word(ret);
  const got = server.recvfrom();
  if (typeof got === 'number') return `received: ${word(got)}`;
  const { ip } = got.from;
  const normal = (text: string): string => (text.includes(':') ? new URL(`http://[${text}]`).hostname : text);
  return normal(ip) === normal(row.expectedSource ?? '') ? 'success' : `received from ${ip}`;
}

function sockAddr(world: World, row: SockAddrRow): string {
  const failed = begin(world, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, row);
  if (failed !== undefined) return failed;
  if (row.result === 'attach-okay') return 'attach-okay';
  switch (row.attachType) {
    case BPF_CGROUP_INET4_BIND:
    case BPF_CGROUP_INET6_BIND:
      return bindCase(world, row);
    case BPF_CGROUP_INET4_CONNECT:
    case BPF_CGROUP_INET6_CONNECT:
      return connectCase(world, row);
    case BPF_CGROUP_UDP4_SENDMSG:
    case BPF_CGROUP_UDP6_SENDMSG:
    default:
      return datagramCase(world, row);
  }
}

function sockopt(world: World, row: SockoptRow): string {
  const failed = begin(world, BPF_PROG_TYPE_CGROUP_SOCKOPT, row, { flags: 0 });
  if (failed !== undefined) return failed;
  const socket = world.socket(2, SOCK_STREAM);
  const named = (which: string, ret: number): string =>
    ret === -EPERM || ret === -EFAULT ? `${which}-${word(ret)}` : `${which}: ${word(ret)}`;
  if (row.setLen > 0) {
    const ret = socket.setsockopt(row.setLevel, row.setName, fromHex(row.setValue), row.setLen);
    if (ret < 0) return named('set', ret);
  }
  if (row.getLen === 0) return 'success';
  const got = socket.getsockopt(row.getLevel, row.getName, row.getLen);
  if (got.ret < 0) return named('get', got.ret);
  const lenAfter = row.getLenAfter === 0 ? row.getLen : row.getLenAfter;
  if (got.optlen !== lenAfter) return `length ${got.optlen}`;
  const wanted = fromHex(row.getValue).subarray(0, lenAfter);
  return wanted.every((byte, i) => got.optval[i] === byte)
    ? 'success'
    : `value ${got.optval.subarray(0, lenAfter).join(' ')}`;
}

const RUNNERS: Readonly<Record<Suite, (world: World, row: never) => string>> = {
  sysctl,
  sock,
  sock_addr: sockAddr,
  sockopt,
};

/** A case that was run. */
export interface Outcome {
  readonly suite: Suite;
  readonly index: number;
  readonly descr: string;
  readonly expected: string;
  readonly got: string;
}

/** Runs one row, in a kernel of its own. */
export function runRow(suite: Suite, row: Record<string, unknown>, engine: EngineName): Outcome {
  const { index, descr, result } = row as unknown as Row;
  let got: string;
  try {
    got = RUNNERS[suite](new World(engine), row as never);
  } catch (error) {
    got = `thrown: ${(error as Error).message}`;
  }
  // That a program is refused is all a table asks for.
  if (result === 'load-reject' && got.startsWith(result)) got = result;
  return { suite, index, descr, expected: result, got };
}
