// SPDX-License-Identifier: MIT
// fentry, fexit and BTF-typed raw tracepoints, from the object file to what programs saw.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BPF_PROG_TEST_RUN,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_TASK_FD_QUERY,
  createKernel,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOTSUPP,
  NotSupportedError,
  openObject,
  UsageError,
  XDP_DROP,
  XDP_PASS,
  XDP_TX,
  type BpfLink,
  type BpfObject,
  type CreateKernelOptions,
  type SimulatedKernel,
} from './index.ts';

const FIXTURES = '../../tracing/test/fixtures';
const fixture = (name: string): Uint8Array => readFileSync(new URL(`${FIXTURES}/${name}.bpf.o`, import.meta.url));
const FRAME = new Uint8Array(64);

/** The programs of trace.bpf.c that trace other programs, and which. */
const TARGETS: Readonly<Record<string, string>> = {
  before_decide: 'xdp_main',
  after_decide: 'xdp_main',
  after_weigh: 'xdp_main',
  before_main: 'xdp_main',
  after_leaf: 'xdp_leaf',
};

/** Loads some programs of trace.bpf.c. */
function trace(kernel: SimulatedKernel, target: BpfObject | undefined, ...names: string[]): BpfObject {
  const obj = openObject(fixture('trace'), { sys: kernel });
  for (const prog of obj.progs) {
    prog.autoload = names.includes(prog.name);
    if (!prog.autoload || !(prog.name in TARGETS)) continue;
    prog.setAttachTarget({ prog: target?.program(TARGETS[prog.name]) });
  }
  return obj.load();
}

/** Both engines, the interpreter with every access checked. */
const ENGINES: readonly [string, CreateKernelOptions][] = [
  ['the interpreter', { engine: 'interpreter', checked: true }],
  ['the JIT', { engine: 'jit' }],
];

function setUp(options: CreateKernelOptions) {
  const kernel = createKernel(options);
  const target = openObject(fixture('target'), { sys: kernel }).load();
  const verdict = (name: string, data = FRAME): number => target.program(name).testRun({ data }).retval;
  return { kernel, target, verdict };
}

/** Runs and words of what a program saw. */
function seen(obj: BpfObject, map: 'entry' | 'leave', words: number): bigint[] {
  const value = obj.map(map).get(0) as { runs: bigint; words: bigint[] };
  return [value.runs, ...value.words.slice(0, words)];
}

const attachAll = (obj: BpfObject): BpfLink[] => [...obj.progs].filter((p) => p.loaded).map((p) => p.attach());

describe.each(ENGINES)('on %s fentry and fexit on a BPF program', (_engine, options) => {
  it('see the kernel’s context, the arguments and the result of a global function, and count packets', () => {
    const { kernel, target } = setUp(options);
    const obj = trace(kernel, target, 'before_decide', 'after_decide');
    const links = attachAll(obj);
    const eth0 = kernel.net.device('eth0');
    using _attached = target.program('xdp_main').attachXdp(eth0);
    const { runs } = kernel.tracing.runs.during(() => eth0.receive(new Uint8Array(200)));
    expect(runs.map(({ name, kind, r0 }) => [name, kind, r0])).toEqual([
      ['before_decide', 'fentry', 41],
      ['after_decide', 'fexit', 42],
    ]);
    eth0.receive(FRAME);
    expect(seen(obj, 'entry', 2)).toEqual([2n, 64n, 64n]);
    expect(seen(obj, 'leave', 2)).toEqual([2n, 64n, BigInt(XDP_PASS)]);
    for (const link of links) link.detach();
    eth0.receive(FRAME);
    expect(seen(obj, 'entry', 0)).toEqual([2n]);
  });

  it('trace static functions', () => {
    const { kernel, target, verdict } = setUp(options);
    const obj = trace(kernel, target, 'after_weigh');
    attachAll(obj);
    expect(verdict('xdp_main', new Uint8Array(1200))).toBe(XDP_TX);
    expect(seen(obj, 'leave', 2)).toEqual([1n, 1200n, BigInt(XDP_TX)]);
  });

  it('of a main function are passed by a tail call', () => {
    const { kernel, target, verdict } = setUp(options);
    const obj = trace(kernel, target, 'after_leaf');
    attachAll(obj);
    target.map('jumps').set(0, target.program('xdp_leaf').fd);
    expect([verdict('xdp_jump'), verdict('xdp_leaf')]).toEqual([XDP_TX, XDP_TX]);
    expect(seen(obj, 'leave', 1)).toEqual([1n, BigInt(XDP_TX)]);
  });

  it('do not go with an extension of the same function, but trace the extension', () => {
    const { kernel, target, verdict } = setUp(options);
    const extensions = openObject(fixture('extension'), { sys: kernel });
    for (const prog of extensions.progs) prog.autoload = prog.name === 'drop_all';
    extensions.program('drop_all').setAttachTarget({ prog: target.program('xdp_main') });
    extensions.load();
    const open = (obj: BpfObject, name: string): number =>
      kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd: obj.program(name).fd });

    const obj = trace(kernel, target, 'before_decide', 'before_main');
    const tracing = open(obj, 'before_decide');
    expect(open(extensions, 'drop_all')).toBe(-EBUSY);
    kernel.close(tracing);
    expect(open(extensions, 'drop_all')).toBeGreaterThan(0);
    expect(open(obj, 'before_decide')).toBe(-EBUSY);
    expect(open(obj, 'before_main')).toBeGreaterThan(0);

    const own = openObject(fixture('trace'), { sys: kernel });
    for (const prog of own.progs) prog.autoload = prog.name === 'after_extension';
    own.program('after_extension').setAttachTarget({ prog: extensions.program('drop_all') });
    own.load();
    attachAll(own);
    expect(verdict('xdp_main')).toBe(XDP_DROP);
    expect(seen(own, 'leave', 2)).toEqual([1n, 64n, BigInt(XDP_DROP)]);
  });

  it('attach once each, and their fds tell BPF_TASK_FD_QUERY nothing', () => {
    const { kernel, target } = setUp(options);
    const obj = trace(kernel, target, 'before_decide');
    const prog_fd = obj.program('before_decide').fd;
    const fd = kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd });
    expect(kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd })).toBe(-EBUSY);
    expect(kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd, name: 'decide' })).toBe(-EINVAL);
    expect(kernel.bpf(BPF_TASK_FD_QUERY, { pid: kernel.state.env.current.pid, fd, flags: 0 })).toBe(-ENOTSUPP);
    kernel.close(fd);
    expect(kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd })).toBeGreaterThan(0);
  });

  it('do not trace each other', () => {
    const { kernel, target } = setUp(options);
    const first = trace(kernel, target, 'before_decide');
    const obj = openObject(fixture('trace'), { sys: kernel });
    for (const prog of obj.progs) prog.autoload = prog.name === 'after_decide';
    obj.program('after_decide').setAttachTarget({ prog: first.program('before_decide'), func: 'before_decide' });
    expect(() => obj.load()).toThrow(
      expect.objectContaining({ log: expect.stringContaining('Cannot recursively attach') }),
    );
  });
});

describe.each(ENGINES)('on %s fentry and fexit on a kernel function', (_engine, options) => {
  const file = { f_flags: 0o100, f_inode: { i_ino: 4711n } };

  it('see typed arguments, walk kernel objects, and the caller gets the result of the body', () => {
    const { kernel } = setUp(options);
    const { tracing } = kernel;
    const obj = trace(kernel, undefined, 'before_read', 'after_read');
    attachAll(obj);
    tracing.defineFunction('vfs_read', ({ args: [, , count] }) => (count > 4096n ? -22n : count));
    const { ret, runs } = tracing.call('vfs_read', file, 0x7f00_1000n, 100, null);
    expect(ret).toBe(100n);
    expect(runs.map(({ name, kind, r0 }) => [name, kind, r0])).toEqual([
      ['before_read', 'fentry', 1],
      ['after_read', 'fexit', 2],
    ]);
    expect(seen(obj, 'entry', 4)).toEqual([1n, 64n, 4711n, 0x7f00_1000n, 100n]);
    expect(tracing.call('vfs_read', file, null, 5000n, null).ret).toBe(-22n);
    expect(seen(obj, 'leave', 2)).toEqual([2n, 5000n, BigInt.asUintN(64, -22n)]);
  });

  it('read 0 through pointers that lead nowhere', () => {
    const { kernel } = setUp(options);
    const obj = trace(kernel, undefined, 'before_read');
    attachAll(obj);
    kernel.tracing.defineFunction('vfs_read', () => 0n);
    kernel.tracing.call('vfs_read', null, null, 1, null);
    expect(seen(obj, 'entry', 4)).toEqual([1n, 0n, 0n, 0n, 1n]);
    kernel.tracing.call('vfs_read', { f_flags: 1, f_inode: 0xdeadn }, null, 1, null);
    expect(seen(obj, 'entry', 2)).toEqual([2n, 1n, 0n]);
  });

  it('are reached by every test run of a packet program', () => {
    const { kernel, verdict } = setUp(options);
    const obj = trace(kernel, undefined, 'after_test1');
    attachAll(obj);
    verdict('xdp_leaf');
    expect(seen(obj, 'leave', 2)).toEqual([1n, 1n, 2n]);
  });

  it('a function needs a body, and arguments as its type says', () => {
    const { tracing } = createKernel();
    expect(() => tracing.call('vfs_fsync', null, 0)).toThrow(NotSupportedError);
    tracing.defineFunction('vfs_fsync', ({ args }) => args[1]);
    expect(tracing.call('vfs_fsync', null, -5).ret).toBe(-5n);
    expect(() => tracing.call('vfs_fsync', null)).toThrow('vfs_fsync takes 2 arguments, not 1');
    expect(() => tracing.call('vfs_fsync', null, 2 ** 31)).toThrow(UsageError);
    expect(() => tracing.call('vfs_fsync', null, 2 ** 31)).toThrow(
      'vfs_fsync(arg1): 2147483648 does not fit 32 bits of int',
    );
    expect(() => tracing.call('vfs_fsync', { f_flags: 'x' }, 0)).toThrow(
      'vfs_fsync(arg0).f_flags: "x" is not an integer',
    );
    expect(() => tracing.call('no_such')).toThrow('the kernel’s BTF has no function no_such'.replace('’', "'"));
    expect(() => tracing.defineFunction('no_such', () => 0)).toThrow(UsageError);
  });

  it('leave no memory behind', () => {
    const { kernel } = setUp(options);
    kernel.tracing.defineFunction('vfs_read', () => 0n);
    attachAll(trace(kernel, undefined, 'before_read', 'after_read'));
    kernel.tracing.call('vfs_read', file, 'text', 1, null);
    const before = kernel.state.mem.allocatedBytes;
    kernel.tracing.call('vfs_read', file, 'text', 1, null);
    expect(() => kernel.tracing.call('vfs_read', { f_inode: { i_ino: 1, no: 1 } }, 'text', 1, null)).toThrow(
      'there is no member "no"',
    );
    expect(kernel.state.mem.allocatedBytes).toBe(before);
  });
});

describe.each(ENGINES)('on %s raw tracepoints by BTF', (_engine, options) => {
  it('pass typed objects', () => {
    const { kernel } = setUp(options);
    const { tracing } = kernel;
    const obj = trace(kernel, undefined, 'on_switch');
    attachAll(obj);
    const bash = tracing.fakeObject('task_struct', { comm: 'bash', pid: 42, cred: { uid: { val: 1000 } } });
    const runs = tracing.emit('sched_switch', true, bash, { pid: 43, 'cred.uid.val': 1001 });
    expect(runs.map(({ name, kind, r0 }) => [name, kind, r0])).toEqual([['on_switch', 'raw_tp', 3]]);
    expect(seen(obj, 'entry', 5)).toEqual([1n, 1n, 42n, 43n, 1000n, 1001n]);
    expect(() => tracing.emit('sched_switch', true, bash)).toThrow('tracepoint sched_switch has 3 arguments, not 2');
    expect(() => tracing.emit('no_such')).toThrow(UsageError);
  });

  it('attach once, and BPF_TASK_FD_QUERY names the tracepoint', () => {
    const { kernel } = setUp(options);
    const prog_fd = trace(kernel, undefined, 'on_switch').program('on_switch').fd;
    const fd = kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd });
    expect(kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd })).toBe(-EEXIST);
    const attr = { pid: kernel.state.env.current.pid, fd, flags: 0, buf: new Uint8Array(16) };
    expect(kernel.bpf(BPF_TASK_FD_QUERY, attr)).toBe(0);
    expect(attr).toMatchObject({ fd_type: 0, buf: new TextEncoder().encode('sched_switch\0\0\0\0') });
  });
});

it.each(['before_decide', 'before_read', 'on_switch'])('%s has no test run', (name) => {
  const { kernel, target } = setUp({});
  const prog_fd = trace(kernel, target, name).program(name).fd;
  expect(kernel.bpf(BPF_PROG_TEST_RUN, { prog_fd, data_in: FRAME })).toBe(-ENOTSUPP);
});
