// SPDX-License-Identifier: MIT
// Extensions of loaded programs, from the object file to the packet.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_GET_FD_BY_ID,
  BPF_PROG_TEST_RUN,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_TASK_FD_QUERY,
  createKernel,
  EBUSY,
  EINVAL,
  ENOENT,
  ENOTSUPP,
  openObject,
  VerifierError,
  XDP_DROP,
  XDP_PASS,
  XDP_TX,
  type BpfObject,
  type CreateKernelOptions,
  type SimulatedKernel,
} from './index.ts';

const FIXTURES = '../../tracing/test/fixtures';
const fixture = (name: string): Uint8Array => readFileSync(new URL(`${FIXTURES}/${name}.bpf.o`, import.meta.url));
const FRAME = new Uint8Array(64);
const LONG_FRAME = new Uint8Array(200);

/** Which program of target.bpf.c each extension is for. */
const TARGETS: Readonly<Record<string, string>> = {
  drop_short: 'xdp_main',
  drop_all: 'xdp_main',
  leaf_drops: 'xdp_leaf',
  deeper: 'xdp_deep',
};

function loadExtensions(kernel: SimulatedKernel, target: BpfObject): BpfObject {
  const extensions = openObject(fixture('extension'), { sys: kernel });
  for (const prog of extensions.progs) prog.setAttachTarget({ prog: target.program(TARGETS[prog.name]) });
  return extensions.load();
}

/** Both engines, the interpreter with every access checked. */
const ENGINES: readonly [string, CreateKernelOptions][] = [
  ['the interpreter', { engine: 'interpreter', checked: true }],
  ['the JIT', { engine: 'jit' }],
];

function setUp(options: CreateKernelOptions) {
  const kernel = createKernel(options);
  const target = openObject(fixture('target'), { sys: kernel }).load();
  const extensions = loadExtensions(kernel, target);
  const verdict = (name: string, data = FRAME): number => target.program(name).testRun({ data }).retval;
  const open = (name: string): number => kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd: extensions.program(name).fd });
  return { kernel, target, extensions, verdict, open };
}

describe.each(ENGINES)('on %s an extension', (_engine, options) => {
  it('replaces a function while the program is attached, from the next packet on, and gives it back', () => {
    const { kernel, target, extensions } = setUp(options);
    const eth0 = kernel.net.device('eth0');
    using _attached = target.program('xdp_main').attachXdp(eth0);
    const verdict = (frame: Uint8Array) => eth0.receive(frame).action;
    expect([verdict(FRAME), verdict(LONG_FRAME)]).toEqual(['XDP_PASS', 'XDP_PASS']);
    {
      using _replaced = extensions.program('drop_short').attach();
      expect([verdict(FRAME), verdict(LONG_FRAME)]).toEqual(['XDP_DROP', 'XDP_PASS']);
    }
    expect([verdict(FRAME), verdict(LONG_FRAME)]).toEqual(['XDP_PASS', 'XDP_PASS']);
    using _other = extensions.program('drop_all').attach();
    expect([verdict(FRAME), verdict(LONG_FRAME)]).toEqual(['XDP_DROP', 'XDP_DROP']);
  });

  it('of a main function is reached by a run, and passed by a tail call', () => {
    const { kernel, target, extensions, verdict } = setUp(options);
    target.map('jumps').set(0, target.program('xdp_leaf').fd);
    expect([verdict('xdp_leaf'), verdict('xdp_jump')]).toEqual([XDP_TX, XDP_TX]);
    using _replaced = extensions.program('leaf_drops').attach();
    expect([verdict('xdp_leaf'), verdict('xdp_jump')]).toEqual([XDP_DROP, XDP_TX]);
    const { runs } = kernel.tracing.runs.during(() => verdict('xdp_leaf'));
    expect(runs.map(({ name, kind, r0 }) => [name, kind, r0])).toEqual([['leaf_drops', 'replace', XDP_DROP]]);
  });

  it('has eight frames and a stack of its own, on top of the target’s eight', () => {
    const { extensions, verdict } = setUp(options);
    // Each of the six functions between main and the deepest counts twice.
    expect(verdict('xdp_deep')).toBe(12);
    using _replaced = extensions.program('deeper').attach();
    expect(verdict('xdp_deep')).toBe(12 + 14);
  });

  it('fills 512 bytes of stack on top of its target’s', () => {
    const kernel = createKernel(options);
    const target = openObject(fixture('roomy'), { sys: kernel }).load().program('roomy');
    const extension = openObject(fixture('roomy_ext'), { sys: kernel });
    extension.program('fills_its_stack').setAttachTarget({ prog: target });
    extension.load();
    const verdict = (): number => target.testRun({ data: FRAME }).retval;
    expect(verdict()).toBe(XDP_TX);
    using _replaced = extension.program('fills_its_stack').attach();
    expect(verdict()).toBe(XDP_DROP);
  });

  it('is alone at its function, and may come back', () => {
    const { kernel, open } = setUp(options);
    const fd = open('drop_short');
    expect(fd).toBeGreaterThan(0);
    expect(open('drop_short')).toBe(-EBUSY);
    expect(open('drop_all')).toBe(-EBUSY);
    expect(open('leaf_drops')).toBeGreaterThan(0);
    kernel.close(fd);
    expect(open('drop_all')).toBeGreaterThan(0);
  });

  it('opens without a name, and tells BPF_TASK_FD_QUERY nothing', () => {
    const { kernel, extensions, open } = setUp(options);
    const prog_fd = extensions.program('drop_all').fd;
    expect(kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd, name: 'decide' })).toBe(-EINVAL);
    const fd = open('drop_all');
    expect(kernel.state.fds.file(fd)).toMatchObject({ kind: 'bpf-tracing-prog', name: 'bpf-tracing-prog' });
    const { pid } = kernel.state.env.current;
    expect(kernel.bpf(BPF_TASK_FD_QUERY, { pid, fd, flags: 0 })).toBe(-ENOTSUPP);
    expect(kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info: new Uint8Array(8) } as never)).toBe(-EINVAL);
  });

  it('holds its target for its whole life, and its fd holds it', () => {
    const { kernel, target, extensions, open } = setUp(options);
    const ids = () => [...kernel.state.progs.values()].map((prog) => prog.name);
    const link = open('drop_all');
    target.close();
    // What nobody extends is gone.
    expect(ids()).toEqual(['xdp_main', 'xdp_leaf', 'xdp_deep', 'drop_short', 'drop_all', 'leaf_drops', 'deeper']);
    extensions.close();
    expect(ids()).toEqual(['xdp_main', 'drop_all']);
    kernel.close(link);
    expect(ids()).toEqual([]);
    expect(kernel.bpf(BPF_PROG_GET_FD_BY_ID, { prog_id: 1 })).toBe(-ENOENT);
  });

  it('has no test run', () => {
    const { kernel, extensions } = setUp(options);
    const attr = { prog_fd: extensions.program('drop_all').fd, data_in: FRAME };
    expect(kernel.bpf(BPF_PROG_TEST_RUN, attr)).toBe(-ENOTSUPP);
  });

  const refused: [why: string, prog: string, on: { target: string; func: string }, message: string][] = [
    ['another prototype', 'drop_all', { target: 'xdp_main', func: 'xdp_main' }, 'drop_all() has 2 args while xdp_main() has 1 args'],
    ['a static function', 'drop_all', { target: 'xdp_main', func: 'weigh' }, 'weigh() is not a global function'],
    ['another program’s function', 'deeper', { target: 'xdp_main', func: 'deepest' }, "Subprog deepest doesn't exist"],
    ['a scalar for the context', 'leaf_drops', { target: 'xdp_deep', func: 'deepest' }, 'arg0 in leaf_drops() is PTR while deepest() has INT'],
  ]; // prettier-ignore

  it.each(refused)('of %s does not load', (_why, name, on, message) => {
    const { kernel, target } = setUp(options);
    const other = openObject(fixture('extension'), { sys: kernel });
    for (const prog of other.progs) prog.autoload = prog.name === name;
    other.program(name).setAttachTarget({ prog: target.program(on.target), func: on.func });
    const error = caught(() => other.load());
    expect(error).toBeInstanceOf(VerifierError);
    expect((error as VerifierError).log).toContain(message);
    expect((error as VerifierError).errno).toBe(EINVAL);
  });

  it('of an extension does not load', () => {
    const { kernel, extensions } = setUp(options);
    const other = openObject(fixture('extension'), { sys: kernel });
    for (const prog of other.progs) prog.autoload = prog.name === 'drop_all';
    other.program('drop_all').setAttachTarget({ prog: extensions.program('drop_all'), func: 'drop_all' });
    expect((caught(() => other.load()) as VerifierError).log).toContain('Cannot recursively attach');
  });

  it('leaves other runs alone: verdicts are XDP_PASS without it', () => {
    const { verdict } = setUp(options);
    expect([verdict('xdp_main'), verdict('xdp_main', LONG_FRAME)]).toEqual([XDP_PASS, XDP_PASS]);
  });
});

function caught(what: () => unknown): unknown {
  try {
    what();
    return undefined;
  } catch (error) {
    return error;
  }
}
