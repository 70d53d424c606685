// SPDX-License-Identifier: MIT
// A program of every family of section names, from the object file of three compilers to its run at the hook it was
// attached to, in the simulated Linux 5.6; and what is said of those that 5.6 does not have.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  createKernel,
  linkObjects,
  openObject,
  type BpfLink,
  type BpfObject,
  type BpfProgram,
  type SimulatedKernel,
} from './index.ts';

const CLANGS = ['clang14', 'clang16', 'clang19'] as const;
const file = (name: string): URL => new URL(`../../loader/test/newer/${name}.o`, import.meta.url);
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(file(name)));

const STREAM = 1;
const DGRAM = 2;
const INET = 2;
const INET6 = 10;
const LOCAL = { [INET]: '127.0.0.1', [INET6]: '::1' } as const;
const PERF_TYPE_SOFTWARE = 1;
const FRAME = new Uint8Array(64).fill(2);

/** Loads one program of the object and no other. */
function loadOne(kernel: SimulatedKernel, clang: string, name: string): { obj: BpfObject; prog: BpfProgram } {
  const obj = openObject(read(`families.${clang}`), { sys: kernel, name: 'families' });
  for (const prog of obj.progs) prog.autoload = prog.name === name;
  return { obj, prog: obj.program(name) };
}

interface Row {
  readonly attach: (prog: BpfProgram, kernel: SimulatedKernel, obj: BpfObject) => BpfLink;
  /** Makes the hook run; where there is none, attaching and detaching is all that is asked. */
  readonly fire?: (kernel: SimulatedKernel) => unknown;
}

const BOX = '/box';
const toBox = (prog: BpfProgram, kernel: SimulatedKernel): BpfLink => {
  kernel.cgroups.create(BOX);
  return prog.attachCgroup(kernel.open(`/sys/fs/cgroup${BOX}`, 0));
};
const auto = (prog: BpfProgram): BpfLink => prog.attach();
const eth0 = (kernel: SimulatedKernel) => kernel.net.device('eth0');
const receive = (kernel: SimulatedKernel): unknown => eth0(kernel).receive(FRAME);

function boxed(kernel: SimulatedKernel, family: number, type: number) {
  const socket = kernel.cgroups.spawn({ cgroup: BOX }).socket({ family, type });
  if (typeof socket === 'number') throw new TypeError(`socket: ${socket}`);
  return socket;
}
const bind = (family: 2 | 10) => (kernel: SimulatedKernel) =>
  boxed(kernel, family, DGRAM).bind({ ip: LOCAL[family], port: 5000 });
const connect = (family: 2 | 10) => (kernel: SimulatedKernel) =>
  boxed(kernel, family, DGRAM).connect({ ip: LOCAL[family], port: 5000 });
/** A datagram from a task of the cgroup to another. */
const datagram = (family: 2 | 10) => (kernel: SimulatedKernel) => {
  const to = boxed(kernel, family, DGRAM);
  to.bind({ ip: LOCAL[family], port: 5001 });
  boxed(kernel, family, DGRAM).sendto('hello', { ip: LOCAL[family], port: 5001 });
  return to.recvfrom();
};
const stream = (kernel: SimulatedKernel): unknown => {
  const listener = boxed(kernel, INET, STREAM);
  listener.bind({ ip: LOCAL[INET], port: 80 });
  listener.listen();
  return boxed(kernel, INET, STREAM).connect({ ip: LOCAL[INET], port: 80 });
};
const switchTask = ({ tracing }: SimulatedKernel): unknown =>
  tracing.tasks.switchTo(tracing.tasks.create({ pid: 77, comm: 'x' }));
const openat = ({ tracing }: SimulatedKernel): unknown => tracing.syscall('openat', [-100, '/etc/passwd', 0, 0], 3);
const vfsRead = ({ tracing }: SimulatedKernel): unknown => {
  tracing.defineFunction('vfs_read', () => 0n);
  return tracing.call('vfs_read', null, null, 4096, null);
};
const bash =
  (hit: { ret?: bigint }) =>
  ({ tracing }: SimulatedKernel): unknown =>
    tracing.fireUprobe('/bin/bash', 0xd5000n, hit);

const ROWS: Readonly<Record<string, Row>> = {
  filter: {
    attach: (prog, kernel) => prog.attachSocketFilter(eth0(kernel).openPacketSocket().fd),
    fire: receive,
  },
  xdp: { attach: (prog, kernel) => prog.attachXdp(eth0(kernel)), fire: receive },
  tc: { attach: (prog, kernel) => prog.attachTc(eth0(kernel), { direction: 'ingress' }), fire: receive },
  classifier: { attach: (prog, kernel) => prog.attachTc(eth0(kernel), { direction: 'ingress' }), fire: receive },
  probe: { attach: auto, fire: vfsRead },
  retprobe: { attach: auto, fire: vfsRead },
  ksyscall: { attach: auto, fire: openat },
  uprobe: { attach: auto, fire: bash({}) },
  uretprobe: { attach: auto, fire: bash({ ret: 1n }) },
  tracepoint: { attach: auto, fire: switchTask },
  tp: { attach: auto, fire: openat },
  raw_tp: { attach: auto, fire: switchTask },
  raw_tracepoint: { attach: auto, fire: openat },
  tp_btf: { attach: auto, fire: switchTask },
  fentry: { attach: auto, fire: vfsRead },
  fexit: { attach: auto, fire: vfsRead },
  perf: {
    attach: (prog, kernel) =>
      prog.attachPerfEvent(
        kernel.perfEventOpen({ type: PERF_TYPE_SOFTWARE, config: 0n, samplePeriod: 1000n, pid: -1, cpu: 0 }),
      ),
  },
  sockops: { attach: toBox, fire: stream },
  parser: { attach: (prog, _kernel, obj) => prog.attachSockmap(obj.map('sockets')) },
  verdict: { attach: (prog, _kernel, obj) => prog.attachSockmap(obj.map('sockets')) },
  message: { attach: (prog, _kernel, obj) => prog.attachSockmap(obj.map('sockets')) },
  dissector: { attach: (prog) => prog.attachNetns() },
  ingress: { attach: toBox, fire: datagram(INET) },
  egress: { attach: toBox, fire: datagram(INET) },
  sock_create: { attach: toBox, fire: (kernel) => boxed(kernel, INET, DGRAM) },
  sock: { attach: toBox, fire: (kernel) => boxed(kernel, INET, DGRAM) },
  post_bind4: { attach: toBox, fire: bind(INET) },
  post_bind6: { attach: toBox, fire: bind(INET6) },
  bind4: { attach: toBox, fire: bind(INET) },
  bind6: { attach: toBox, fire: bind(INET6) },
  connect4: { attach: toBox, fire: connect(INET) },
  connect6: { attach: toBox, fire: connect(INET6) },
  sendmsg4: { attach: toBox, fire: datagram(INET) },
  sendmsg6: { attach: toBox, fire: datagram(INET6) },
  recvmsg4: { attach: toBox, fire: datagram(INET) },
  recvmsg6: { attach: toBox, fire: datagram(INET6) },
  sysctl: {
    attach: toBox,
    fire: (kernel) => kernel.cgroups.spawn({ cgroup: BOX }).writeSysctl('net.ipv4.ip_forward', '1'),
  },
  getsockopt: { attach: toBox, fire: (kernel) => boxed(kernel, INET, DGRAM).getsockopt(1, 7) },
  setsockopt: { attach: toBox, fire: (kernel) => boxed(kernel, INET, DGRAM).setsockopt(1, 7, 200_000) },
  dev: { attach: toBox, fire: (kernel) => kernel.cgroups.spawn({ cgroup: BOX }).openDevice('/dev/null', 'r') },
};

describe.each(CLANGS)('sections, compiled by %s', (clang) => {
  it.each(Object.keys(ROWS))('%s', (family) => {
    const kernel = createKernel();
    const { obj, prog } = loadOne(kernel, clang, `on_${family}`);
    obj.load();
    const { attach, fire } = ROWS[family] as Row;
    const runs = (): bigint => BigInt(obj.bss[`runs_${family}`] as bigint | number);
    const link = attach(prog, kernel, obj);
    fire?.(kernel);
    if (fire !== undefined) expect(runs()).toBeGreaterThan(0n);
    const before = runs();
    link.detach();
    fire?.(kernel);
    expect(runs()).toBe(before);
    obj.close();
  });
});

/** Sections that load and that no method of libbpf's attaches: their users do it by other means. */
const BY_OTHER_MEANS = ['reuseport', 'action', 'lwt_in', 'lwt_out', 'lwt_xmit', 'seg6local', 'lirc'];
/** Attach types that came later load where 5.6 does not look at them. */
const TYPE_UNSEEN = ['devmap', 'cpumap', 'sk_verdict', 'tcx', 'netkit'];

/** What libbpf says of sections that came later, and which Linux has what they ask for. */
const REFUSED: Readonly<Record<string, readonly [says: string, since?: string]>> = {
  fmod_ret: ['BPF program load failed: Invalid argument', 'BPF_MODIFY_RETURN is since Linux 5.7'],
  lsm: ["failed to find kernel BTF type ID of 'file_open': -2", 'BPF_PROG_TYPE_LSM is since Linux 5.7'],
  iter: ["failed to find kernel BTF type ID of 'task': -2", 'BPF_TRACE_ITER is since Linux 5.8'],
  lsm_cgroup: ["failed to find kernel BTF type ID of 'file_open': -2", 'BPF_PROG_TYPE_LSM is since Linux 5.7'],
  sleepable: ['BPF program load failed: Invalid argument', 'BPF_F_SLEEPABLE is since Linux 5.10'],
  syscall: ['BPF program load failed: Invalid argument', 'BPF_PROG_TYPE_SYSCALL is since Linux 5.14'],
  frags: ['BPF program load failed: Invalid argument', 'BPF_F_XDP_HAS_FRAGS is since Linux 5.18'],
  sock_release: ['BPF program load failed: Invalid argument', 'BPF_CGROUP_INET_SOCK_RELEASE is since Linux 5.9'],
  peername: ['BPF program load failed: Invalid argument', 'BPF_CGROUP_INET4_GETPEERNAME is since Linux 5.8'],
  unix_connect: ['BPF program load failed: Invalid argument', 'BPF_CGROUP_UNIX_CONNECT is since Linux 6.7'],
  sk_lookup: ['BPF program load failed: Invalid argument', 'BPF_PROG_TYPE_SK_LOOKUP is since Linux 5.9'],
  netfilter: ['BPF program load failed: Invalid argument', 'BPF_PROG_TYPE_NETFILTER is since Linux 6.4'],
  unknown: ["missing BPF prog type, check ELF section name 'nobody/knows'"],
};

describe('sections that attach otherwise, or that 5.6 does not have', () => {
  it.each([...BY_OTHER_MEANS, ...TYPE_UNSEEN])('%s loads, and says that its section names no hook', (family) => {
    const { obj, prog } = loadOne(createKernel(), 'clang16', `on_${family}`);
    obj.load();
    expect(() => prog.attach()).toThrow(/does not say where to attach/);
    obj.close();
  });

  it.each(['multi', 'usdt'])('%s loads; attaching needs a newer kernel', (family) => {
    const { obj, prog } = loadOne(createKernel(), 'clang16', `on_${family}`);
    obj.load();
    expect(() => prog.attach()).toThrow(/needs BPF_LINK_CREATE/);
    obj.close();
  });

  it.each(Object.keys(REFUSED))('%s is refused', (family) => {
    const { obj } = loadOne(createKernel(), 'clang16', `on_${family}`);
    const [says, since] = REFUSED[family];
    const hint = since === undefined ? '' : `: ${since}, and this kernel is 5.6.0-tsbpf`;
    const text = `prog 'on_${family}': ${says}${hint}`;
    expect(() => obj.load()).toThrow(expect.objectContaining({ message: text }));
  });

  it('are all that the object has', () => {
    const known = [...Object.keys(ROWS), ...BY_OTHER_MEANS, ...TYPE_UNSEEN, ...Object.keys(REFUSED), 'multi', 'usdt'];
    const names = [...openObject(read('families.clang16')).progs].map((prog) => prog.name.replace(/^on_/, ''));
    expect(names.sort()).toEqual(known.sort());
  });
});

/** What 5.6 makes of objects with newer types, relocations and instructions; `said` is what libbpf prints. */
const NEWER: Readonly<Record<string, { returns?: Record<string, number>; says?: RegExp; said?: RegExp }>> = {
  types: { returns: { types: 2 } },
  relocs: {},
  externs: { returns: { externs: 2 } },
  sections: { returns: { sections: 2 } },
  atomics: { returns: { add_only: 2 } },
  fetch: {
    says: /^prog 'fetch': BPF program load failed: Invalid argument: BPF_STX uses reserved fields$/,
    said: /^prog 'fetch': failed to load: -22$/m,
  },
  wide: {
    says: /^prog 'wide': BPF program load failed: Invalid argument: BPF_ALU uses reserved fields$/,
    said: /10: \(3c\) w2 \/= w1\nBPF_ALU uses reserved fields/,
  },
  empty: { says: /^sec '\.rodata': failed to determine size from ELF: size 0, err -2$/ },
};

describe.each(CLANGS)('objects of %s with what came after 5.6', (clang) => {
  it.each(Object.keys(NEWER).filter((name) => existsSync(file(`${name}.${clang}`))))('%s', (name) => {
    const said: string[] = [];
    const print = (_level: string, text: string): void => void said.push(text);
    const { returns = {}, says, said: wanted } = NEWER[name] ?? {};
    const load = (): BpfObject => openObject(read(`${name}.${clang}`), { sys: createKernel(), name, print }).load();
    if (says !== undefined) {
      expect(load).toThrow(says);
      if (wanted !== undefined) expect(said.join('\n')).toMatch(wanted);
      return;
    }
    const obj = load();
    for (const [prog, retval] of Object.entries(returns)) {
      expect(obj.program(prog).testRun({ data: FRAME }).retval, prog).toBe(retval);
    }
    obj.close();
  });

  it('relocations give what the simulated kernel has', () => {
    const kernel = createKernel();
    const obj = openObject(read(`relocs.${clang}`), { sys: kernel, name: 'relocs' }).load();
    const link = obj.program('relocs').attach();
    openat(kernel);
    const values = Array.from({ length: 12 }, (_, i) => Number(obj.map('results').get(i)));
    // Type ids differ from kernel to kernel; what is not there is 0.
    const [typeExists, noType, hasSize, field, noField, fieldSize, enumerator, noEnumerator, value, localId, kernelId] =
      values;
    expect({ typeExists, noType, hasSize, field, noField, fieldSize, enumerator, noEnumerator }).toEqual({
      typeExists: 1,
      noType: 0,
      hasSize: 1,
      field: 1,
      noField: 0,
      fieldSize: 4,
      enumerator: 1,
      noEnumerator: 0,
    });
    expect({ value, localId, kernelId, gone: values[11] }).toEqual({ value: 2, localId: 1, kernelId: 1, gone: 0 });
    link.detach();
    obj.close();
  });
});

describe('a linked object', () => {
  const linked = (...names: string[]): Uint8Array =>
    linkObjects(
      names.map((name) => ({
        name,
        bytes: new Uint8Array(readFileSync(new URL(`../../loader/test/linker/${name}.o`, import.meta.url))),
      })),
    );

  it.each([[['one', 'two']], [['two', 'one']], [['three', 'one', 'two']]])('%j loads and runs', (names) => {
    const obj = openObject(linked(...names), { sys: createKernel(), name: 'linked' }).load();
    obj.map('shared').set(1, { first: 40, second: 0n, next: 0n });
    // sample->first + the statics of both files, as each file's own: 40 + 2 or so, never what one file's would give.
    expect(obj.program('second').testRun({ data: FRAME }).retval).toBe(40 + 3 + 2 + (1 ^ 3));
    // The strong definition of policy(): 2 * 7.
    const before = BigInt(obj.bss['big'] as bigint | number);
    expect(obj.program('third').testRun({ data: FRAME }).retval).toBe(Number(before) + 1 + FRAME.length + 14);
    expect(obj.data['counter']).toBe(8);
    obj.close();
  });
});
