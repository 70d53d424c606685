// SPDX-License-Identifier: MIT
import {
  BPF_PROG_TYPE_EXT,
  BPF_PROG_TYPE_TRACING,
  BPF_PROG_TYPE_XDP,
  BPF_TRACE_FENTRY,
  BPF_TRACE_FEXIT,
  BPF_TRACE_RAW_TP,
  E2BIG,
  EBUSY,
  EINVAL,
  ENOTSUPP,
  NotSupportedError,
} from '@tsbpf/uapi';
import { createBtfBuilder } from '@tsbpf/btf';
import type { AttachTarget, BpfProg, CallRegs, FuncEntry, FuncSlot } from '@tsbpf/core';
import { createTestSys, installFakeProg } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { MAX_TRAMPOLINE_PROGS, type TrampolineRun } from './trampoline.ts';
import { Trampolines } from './trampolines.ts';

const KINDS = {
  fentry: { type: BPF_PROG_TYPE_TRACING, expectedAttachType: BPF_TRACE_FENTRY },
  fexit: { type: BPF_PROG_TYPE_TRACING, expectedAttachType: BPF_TRACE_FEXIT },
  replace: { type: BPF_PROG_TYPE_EXT, expectedAttachType: 0 },
} as const;

/** A BTF with functions of a number of words, and one of narrow values. */
function functions() {
  const b = createBtfBuilder();
  const u64 = b.int('u64', 8);
  const narrow = [b.int('u8', 1), b.int('u16', 2), b.int('u32', 4), u64].map((typeId) => ({ name: 'p', typeId }));
  const words = (n: number) => b.funcProto(u64, Array(n).fill({ name: 'p', typeId: u64 }));
  const protos = { narrow: b.funcProto(u64, narrow), two: words(2), six: words(6), seven: words(7), none: words(0) };
  return { btf: b.build(), protos };
}

function setUp() {
  const sys = createTestSys();
  const { mem, text } = sys.state;
  const { btf, protos } = functions();
  const runs: TrampolineRun[] = [];
  const trampolines = new Trampolines(sys.state, (run) => runs.push(run));
  const log: string[] = [];

  /** A kernel function that adds its arguments up and notes them. */
  const kernelFunction = (proto: keyof typeof protos): AttachTarget => {
    const { params } = btf.funcProto(protos[proto]);
    const symbol = text.define(`k_${proto}`, (regs) => {
      const args = params.map((_, i) => word(regs, i + 1));
      log.push(`${proto}(${args.map((arg) => arg.toString(16)).join(', ')})`);
      setWord(
        regs,
        0,
        args.reduce((sum, arg) => sum + arg, 0n),
      );
    });
    return {
      prog: undefined,
      btfId: 1,
      name: symbol.name,
      protoId: protos[proto],
      btf,
      subprog: -1,
      addr: symbol.addr,
    };
  };
  const ctxWords = (ctx: number, n: number): string =>
    Array.from({ length: n }, (_, i) => mem.read64(ctx + 8 * i).toString(16)).join(' ');
  const prog = (name: string, kind: keyof typeof KINDS, attach: AttachTarget, nwords = 1): BpfProg => {
    const run = (ctx: number): number => (log.push(`${name}: ${ctxWords(ctx, nwords)}`), 0xffffffff);
    return installFakeProg(sys, { ...KINDS[kind], attach, run }).prog;
  };
  /** An extension that answers 77. */
  const extension = (attach: AttachTarget): BpfProg => {
    const body: FuncEntry = (regs) => setWord(regs, 0, 77n);
    const ext = prog('ext', 'replace', attach);
    return Object.assign(ext, { slots: [{ body, patched: undefined }], loaded: { ...ext.loaded, body } });
  };
  const call = (attach: AttachTarget, ...args: bigint[]): bigint => {
    const symbol = text.byAddr(attach.addr);
    const regs: CallRegs = { lo: new Int32Array(8), hi: new Int32Array(8) };
    args.forEach((arg, i) => setWord(regs, i + 1, arg));
    (symbol?.patched ?? symbol?.entry)?.(regs);
    return word(regs, 0);
  };
  return { sys, trampolines, runs, log, kernelFunction, prog, extension, call, btf, protos };
}

function word({ lo, hi }: CallRegs, i: number): bigint {
  return (BigInt(hi[i] >>> 0) << 32n) | BigInt(lo[i] >>> 0);
}

function setWord(regs: CallRegs, i: number, value: bigint): void {
  regs.lo[i] = Number(BigInt.asIntN(32, value));
  regs.hi[i] = Number(BigInt.asIntN(32, value >> 32n));
}

describe('fentry and fexit', () => {
  test('run around the function, of each kind the last attached first', () => {
    const { trampolines, log, runs, kernelFunction, prog, call } = setUp();
    const f = kernelFunction('two');
    for (const name of ['a', 'b']) {
      expect(trampolines.link(prog(`exit ${name}`, 'fexit', f, 3))).toBe(0);
      expect(trampolines.link(prog(`entry ${name}`, 'fentry', f, 2))).toBe(0);
    }
    expect(call(f, 5n, 1n << 40n)).toBe((1n << 40n) + 5n);
    expect(log).toEqual([
      'entry b: 5 10000000000',
      'entry a: 5 10000000000',
      'two(5, 10000000000)',
      'exit b: 5 10000000000 10000000005',
      'exit a: 5 10000000000 10000000005',
    ]);
    expect(runs.map(({ kind, r0 }) => [kind, r0])).toEqual([
      ['fentry', 0xffffffff],
      ['fentry', 0xffffffff],
      ['fexit', 0xffffffff],
      ['fexit', 0xffffffff],
    ]);
  });

  test('narrow arguments are cut to their size, for programs and for the function', () => {
    const { trampolines, log, kernelFunction, prog, call } = setUp();
    const f = kernelFunction('narrow');
    trampolines.link(prog('p', 'fentry', f, 4));
    const wide = 0xffff_ffff_8765_4321n;
    call(f, wide, wide, wide, wide);
    expect(log).toEqual(['p: 21 4321 87654321 ffffffff87654321', 'narrow(21, 4321, 87654321, ffffffff87654321)']);
  });

  test('a function of six arguments is traced, one of seven is not', () => {
    const { trampolines, log, kernelFunction, prog, call } = setUp();
    const six = kernelFunction('six');
    expect(trampolines.link(prog('p', 'fexit', six, 7))).toBe(0);
    expect(call(six, 1n, 2n, 3n, 4n, 5n, 6n)).toBe(21n);
    expect(log.at(-1)).toBe('p: 1 2 3 4 5 6 15');
    const seven = kernelFunction('seven');
    expect(trampolines.link(prog('q', 'fentry', seven))).toBe(-ENOTSUPP);
    expect(call(seven, 1n)).toBe(1n);
    expect(log.at(-1)).toBe('seven(1, 0, 0, 0, 0, 0, 0)');
  });

  test('at most forty, together', () => {
    const { trampolines, runs, kernelFunction, prog, call } = setUp();
    const f = kernelFunction('none');
    const progs = Array.from({ length: MAX_TRAMPOLINE_PROGS }, (_, i) => prog('p', i % 2 ? 'fentry' : 'fexit', f));
    for (const p of progs) expect(trampolines.link(p)).toBe(0);
    expect(trampolines.link(prog('q', 'fentry', f))).toBe(-E2BIG);
    // Too many comes before twice.
    expect(trampolines.link(progs[0])).toBe(-E2BIG);
    call(f);
    expect(runs).toHaveLength(40);
    trampolines.unlink(progs[1]);
    expect(trampolines.link(progs[0])).toBe(-EBUSY);
    expect(trampolines.link(progs[1])).toBe(0);
  });

  test('taken away, nothing is left', () => {
    const { sys, trampolines, log, kernelFunction, prog, call } = setUp();
    const f = kernelFunction('two');
    const [p, q] = [prog('p', 'fentry', f), prog('q', 'fexit', f)];
    trampolines.link(p);
    trampolines.link(q);
    const before = sys.state.mem.liveRegions;
    call(f, 1n, 1n);
    expect(sys.state.mem.liveRegions).toBe(before);
    trampolines.unlink(p);
    trampolines.unlink(p);
    log.length = 0;
    call(f, 1n, 1n);
    expect(log).toEqual(['two(1, 1)', 'q: 1']);
    trampolines.unlink(q);
    expect(sys.state.text.byAddr(f.addr)?.patched).toBeUndefined();
  });

  test('what attaches while the function runs counts from the next call on', () => {
    const { sys, trampolines, log, kernelFunction, prog, call } = setUp();
    const f = kernelFunction('none');
    const late = prog('late', 'fexit', f, 0);
    const first = installFakeProg(sys, { ...KINDS.fentry, attach: f, run: () => trampolines.link(late) }).prog;
    trampolines.link(first);
    call(f);
    expect(log).toEqual(['none()']);
    call(f);
    expect(log).toEqual(['none()', 'none()', 'late: ']);
  });
});

describe('extensions', () => {
  /** A loaded program with two functions; `unreliable` says so of the second. */
  const target = (btf: AttachTarget['btf'], unreliable = false) => {
    const slots = [0, 1].map((subprog) => {
      const body: FuncEntry = (regs) => setWord(regs, 0, word(regs, 1));
      return { subprog, body, patched: undefined } as unknown as FuncSlot;
    });
    const verified = { subprogs: [{ unreliable: false }, { unreliable }, { unreliable: false }] };
    const prog = { type: BPF_PROG_TYPE_XDP, name: 'target', slots, verified, loaded: { engine: 'fast' } };
    slots.forEach((slot) => Object.assign(slot, { prog }));
    const attach = (protoId: number, subprog: number): AttachTarget => ({
      ...{ prog: prog as unknown as BpfProg, btfId: 1, name: 'f', protoId, btf, subprog, addr: 0n },
    });
    return { slots, attach };
  };
  const enter = (slot: FuncSlot, ...args: bigint[]): bigint => {
    const regs: CallRegs = { lo: new Int32Array(11), hi: new Int32Array(11) };
    args.forEach((arg, i) => setWord(regs, i + 1, arg));
    (slot.patched ?? slot.body)(regs);
    return word(regs, 0);
  };

  test('run in place of one function of a program, until they are taken away', () => {
    const { trampolines, runs, extension, btf, protos } = setUp();
    const { slots, attach } = target(btf);
    const ext = extension(attach(protos.two, 1));
    expect(trampolines.link(ext)).toBe(0);
    expect(slots.map((slot) => enter(slot, 5n))).toEqual([5n, 77n]);
    expect(runs).toEqual([{ prog: ext, kind: 'replace', r0: 77 }]);
    trampolines.unlink(ext);
    expect(slots.map((slot) => enter(slot, 5n))).toEqual([5n, 5n]);
    expect(trampolines.link(ext)).toBe(0);
  });

  test('are alone', () => {
    const { trampolines, extension, prog, btf, protos } = setUp();
    const f = target(btf).attach(protos.two, 1);
    const [ext, other, traced] = [extension(f), extension(f), prog('p', 'fexit', f)];
    expect(trampolines.link(traced)).toBe(0);
    expect(trampolines.link(ext)).toBe(-EBUSY);
    trampolines.unlink(traced);
    expect(trampolines.link(ext)).toBe(0);
    for (const p of [ext, other, traced]) expect(trampolines.link(p)).toBe(-EBUSY);
    trampolines.unlink(other);
    expect(trampolines.link(traced)).toBe(-EBUSY);
  });

  test('are traced themselves', () => {
    const { trampolines, log, runs, extension, prog, btf, protos } = setUp();
    const { slots, attach } = target(btf);
    const ext = extension(attach(protos.two, 0));
    const own = { ...attach(protos.two, 0), prog: ext };
    Object.assign(ext.slots[0], { prog: ext, subprog: 0 });
    Object.assign(ext.verified, { subprogs: [{ unreliable: false }] });
    trampolines.link(ext);
    expect(trampolines.link(prog('p', 'fexit', own, 3))).toBe(0);
    expect(enter(slots[0], 5n, 6n)).toBe(77n);
    expect(log).toEqual(['p: 5 6 4d']);
    expect(runs.map(({ kind }) => kind)).toEqual(['fexit', 'replace']);
  });

  test('a function that was called with other types counts as five words', () => {
    const { trampolines, log, prog, btf, protos } = setUp();
    const { slots, attach } = target(btf, true);
    expect(trampolines.link(prog('p', 'fexit', attach(protos.seven, 1), 6))).toBe(0);
    expect(enter(slots[1], 1n, 2n, 3n, 4n, 5n)).toBe(1n);
    expect(log).toEqual(['p: 1 2 3 4 5 1']);
  });

  test('a function without a slot is not supported', () => {
    const { trampolines, prog, btf, protos } = setUp();
    const p = prog('p', 'fentry', target(btf).attach(protos.two, 2));
    expect(() => trampolines.link(p)).toThrow(NotSupportedError);
    expect(() => trampolines.link(p)).toThrow('the fast engine offers no place to attach to f of program target');
  });
});

test('a kernel function without a body cannot be called', () => {
  const { sys, trampolines, prog, call, btf, protos } = setUp();
  const { addr } = sys.state.text.define('bare');
  const bare = { prog: undefined, btfId: 1, name: 'bare', protoId: protos.none, btf, subprog: -1, addr };
  expect(trampolines.link(prog('p', 'fentry', bare))).toBe(0);
  expect(() => call(bare)).toThrow('has no body');
});

test.each([
  ['a raw tracepoint', { type: BPF_PROG_TYPE_TRACING, expectedAttachType: BPF_TRACE_RAW_TP }],
  ['an extension with an attach type', { type: BPF_PROG_TYPE_EXT, expectedAttachType: 1 }],
  ['another type', { type: BPF_PROG_TYPE_XDP, expectedAttachType: BPF_TRACE_FENTRY }],
])('%s does not attach here', (_, options) => {
  const { sys, trampolines, kernelFunction } = setUp();
  expect(trampolines.link(installFakeProg(sys, { ...options, attach: kernelFunction('two') }).prog)).toBe(-EINVAL);
});
