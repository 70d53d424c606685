// SPDX-License-Identifier: MIT
// Which program types let their functions be replaced.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BPF_PROG_TYPE_NAMES,
  BPF_PROG_TYPE_STRUCT_OPS,
  BPF_PROG_TYPE_UNSPEC,
  createKernel,
  openObject,
  type SimulatedKernel,
} from './index.ts';

const KINDS = readFileSync(new URL('../../tracing/test/fixtures/kinds.bpf.o', import.meta.url));

/** Loads one program, or the extension of another's `pick`. */
function load(kernel: SimulatedKernel, name: string, target?: { fd: number }) {
  const obj = openObject(KINDS, { sys: kernel });
  for (const prog of obj.progs) prog.autoload = prog.name === name;
  if (target !== undefined) obj.program(name).setAttachTarget({ prog: target.fd });
  obj.load();
  return obj.program(name);
}

/** Calls a program's `pick` as the program does. */
function pick(kernel: SimulatedKernel, fd: number, number: number): number {
  const file = kernel.state.fds.get(fd, 'prog');
  const slot = typeof file === 'number' ? undefined : file.prog.slots.find(({ name }) => name === 'pick');
  const regs = { lo: new Int32Array(6), hi: new Int32Array(6) };
  regs.lo[1] = number;
  kernel.state.text.byAddr(slot?.addr ?? 0n)?.entry?.(regs);
  return regs.lo[0];
}

const names = [...openObject(KINDS).progs].map(({ name }) => name).filter((name) => name !== 'picks_other');

describe.each(['interpreter', 'jit'] as const)('on the %s an extension replaces a function', (engine) => {
  it.each(names.filter((name) => name !== 'on_fentry'))('of %s', (name) => {
    const kernel = createKernel({ engine });
    const target = load(kernel, name);
    const extension = load(kernel, 'picks_other', target);
    expect([5, 4].map((number) => pick(kernel, target.fd, number))).toEqual([1, 0]);
    const link = extension.attachFreplace();
    expect([5, 4].map((number) => pick(kernel, target.fd, number))).toEqual([0, 1]);
    link.detach();
    expect(pick(kernel, target.fd, 5)).toBe(1);
  });
});

it('not of fentry', () => {
  const kernel = createKernel();
  const target = load(kernel, 'on_fentry');
  expect(() => load(kernel, 'picks_other', target)).toThrow(
    expect.objectContaining({ log: expect.stringContaining('Cannot extend fentry/fexit') }),
  );
});

it('no other type has programs: struct_ops apart, which an object holds in tables', () => {
  const types = new Set([...openObject(KINDS).progs].map(({ type }) => type));
  const missing = Object.keys(BPF_PROG_TYPE_NAMES)
    .map(Number)
    .filter((type) => !types.has(type));
  expect(missing).toEqual([BPF_PROG_TYPE_UNSPEC, BPF_PROG_TYPE_STRUCT_OPS]);
});
