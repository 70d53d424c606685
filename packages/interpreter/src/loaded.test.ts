// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { FuncEntry, HelperCall } from '@tsbpf/core';
import * as I from '@tsbpf/insn';
import { BPF_ADD, BPF_DW, BPF_JNE, BPF_MUL, BPF_W, FaultError, NotSupportedError } from '@tsbpf/uapi';
import { FakeKernel, SKB } from '../test/fake-kernel.ts';

const TAIL_CALL = { code: 0xf5, dst: 0, src: 0, off: 0, imm: 0 } as const;

function callEntry(entry: FuncEntry, ...args: number[]): bigint {
  const regs = { lo: new Int32Array(6), hi: new Int32Array(6) };
  args.forEach((arg, i) => (regs.lo[i + 1] = arg));
  entry(regs);
  return (BigInt(regs.hi[0] >>> 0) << 32n) | BigInt(regs.lo[0] >>> 0);
}

describe('helper calls', () => {
  it.each([
    ['sext', -22, 0xffffffffffffffean],
    ['zext', -22, 0xffffffean],
    ['ptr', 0, 0n],
    ['ptr', 0x20000, 0xffff888000020000n],
    ['ptr', 0x90000000 | 0, 0xffff888090000000n],
  ] as const)('widens a result of kind %s: %i', (retWidth, value, r0) => {
    const k = new FakeKernel();
    const prog = k.load([I.callHelper(1), I.exit()], { calls: [k.helper({ retWidth, call: () => value })] });
    expect(prog.loaded.run(0)).toBe(value >>> 0);
    expect(prog.loaded.lastR0).toBe(r0);
  });

  it('passes low words, and high words through argHi', () => {
    const k = new FakeKernel();
    const seen: number[] = [];
    const helper = k.helper({
      retWidth: 'words',
      wideArgs: [2],
      call: (call, a1, a2, a3, a4, a5) => {
        seen.push(a1, a2, a3, a4, a5, call.argHi[2], call.ctx);
        call.retHi = 7;
        return 9;
      },
    });
    const args = [I.mov64Imm(1, -1), ...I.ldImm64(2, 0x1122334455667788n), I.mov64Imm(3, 3), I.mov64Imm(4, 4)];
    const prog = k.load([...args, I.mov64Imm(5, 5), I.callHelper(1), I.exit()], { calls: [helper] });
    const ctx = k.ctx();
    prog.loaded.run(ctx);
    expect(seen).toEqual([-1, 0x55667788, 3, 4, 5, 0x11223344, ctx]);
    expect(prog.loaded.lastR0).toBe(0x700000009n);
  });

  it('reads memory that grew during the call', () => {
    const k = new FakeKernel();
    let off = 0;
    const helper = k.helper({
      retWidth: 'ptr',
      call: ({ kernel }) => {
        off = kernel.mem.alloc(8 << 20);
        kernel.mem.write32(off, 4711);
        return off;
      },
    });
    const prog = k.load([I.callHelper(1), I.ldxMem(BPF_W, 0, 0, 0), I.exit()], { calls: [helper] });
    expect(prog.loaded.run(0)).toBe(4711);
  });

  it('takes replacements when their generation changes, and gives them the original', () => {
    const k = new FakeKernel();
    const helper = k.helper({ retWidth: 'sext', call: () => 1 });
    const prog = k.load([I.callHelper(1), I.exit()], { calls: [helper] });
    expect(prog.loaded.run(0)).toBe(1);
    k.overridden.set(
      'bpf_test',
      (original) =>
        (call, ...args) =>
          10 + (original?.(call, ...args) ?? 0),
    );
    k.overrideGeneration++;
    expect(prog.loaded.run(0)).toBe(11);
    k.overridden.clear();
    k.overrideGeneration++;
    expect(prog.loaded.run(0)).toBe(1);
  });

  it('refuses to load a program that calls a declared gap', () => {
    const k = new FakeKernel();
    const { impl: _, ...gap } = k.helper({ retWidth: 'sext', call: () => 0 });
    expect(() => k.load([I.callHelper(1), I.exit()], { calls: [gap] })).toThrow(NotSupportedError);
  });

  it('shows the run in progress to nested runs, and puts the outer one back', () => {
    const k = new FakeKernel();
    const inner = k.load([I.mov64Reg(0, 1), I.exit()]);
    const contexts: (number | undefined)[] = [];
    const note = (): void => void contexts.push(k.services.currentCall?.ctx);
    const helper = k.helper({
      retWidth: 'zext',
      call: () => {
        note();
        const r0 = inner.loaded.run(0x50000);
        note();
        return r0;
      },
    });
    const save = [I.mov64Imm(6, 77), I.stMem(BPF_DW, 10, -8, 1234)];
    const outer = k.load([...save, I.callHelper(1), I.ldxMem(BPF_DW, 1, 10, -8), ...addAll(), I.exit()], {
      calls: [helper],
    });
    const ctx = k.ctx();
    expect(outer.loaded.run(ctx)).toBe(0x50000 + 77 + 1234);
    expect(contexts).toEqual([ctx, ctx]);
    expect(k.services.currentCall).toBeUndefined();
  });

  it('lets an error of a helper through and can run again', () => {
    const k = new FakeKernel();
    let bad = true;
    const helper = k.helper({
      retWidth: 'sext',
      call: (call: HelperCall) => (bad ? call.kernel.mem.read32(0xffffffff) : 5),
    });
    const prog = k.load([I.callHelper(1), I.exit()], { calls: [helper] });
    expect(() => prog.loaded.run(0)).toThrow(RangeError);
    expect(k.services.currentCall).toBeUndefined();
    bad = false;
    expect(prog.loaded.run(0)).toBe(5);
  });
});

function addAll(): I.Insn[] {
  return [I.alu64Reg(BPF_ADD, 0, 6), I.alu64Reg(BPF_ADD, 0, 1)];
}

describe('map operations called directly', () => {
  it.each([
    ['lookup', 0xffff888000001000n, [0x30, undefined, undefined]],
    ['lookupRaw', 0xffff888000001000n, [0x30, undefined, undefined]],
    ['update', 0x1000n, [0x30, 0x40, 0x500000002]],
    ['delete', 0x1000n, [0x30, undefined, undefined]],
    ['push', 0x1000n, [0x30, 0x40, undefined]],
    ['pop', 0x1000n, [0x30, undefined, undefined]],
    ['peek', 0x1000n, [0x30, undefined, undefined]],
  ] as const)('%s', (op, r0, args) => {
    const k = new FakeKernel();
    const seen: unknown[] = [];
    const map = k.map({
      [op]: (...given: unknown[]) => {
        seen.push(...given);
        return 0x1000;
      },
    });
    const set = [I.mov64Imm(2, 0x30), I.mov64Imm(3, 0x40), ...I.ldImm64(4, 0x500000002n)];
    const prog = k.load([...set, I.callHelper(1), I.exit()], { calls: [{ kind: 'mapOp', op, map }] });
    prog.loaded.run(0);
    expect(prog.loaded.lastR0).toBe(r0);
    expect(seen).toEqual([map, ...args.filter((arg) => arg !== undefined)]);
  });

  it('gives way to a replaced helper', () => {
    const k = new FakeKernel();
    const map = k.map({ delete: () => 0 });
    const prog = k.load([I.mov64Imm(2, 1), I.callHelper(3), I.exit()], {
      calls: [{ kind: 'mapOp', op: 'delete', map }],
    });
    expect(prog.loaded.run(0)).toBe(0);
    k.overridden.set('bpf_map_delete_elem', () => () => -2);
    k.overrideGeneration++;
    expect(prog.loaded.run(0)).toBe(0xfffffffe);
  });
});

describe('functions of the program', () => {
  // main: r6 = 5, r0 = sub(r1 = 2) + r6; sub: its own stack and r6
  const items = [
    I.mov64Imm(6, 5),
    I.stMem(BPF_DW, 10, -8, 100),
    I.mov64Imm(1, 2),
    I.callPseudo('sub'),
    I.alu64Reg(BPF_ADD, 0, 6),
    I.ldxMem(BPF_DW, 1, 10, -8),
    I.alu64Reg(BPF_ADD, 0, 1),
    I.exit(),
    'sub',
    I.mov64Imm(6, 1000),
    I.stMem(BPF_DW, 10, -8, 200),
    I.mov64Reg(0, 1),
    I.alu64Imm(BPF_MUL, 0, 3),
    I.exit(),
  ];

  it('keep R6 to R9 and have stacks of their own', () => {
    const k = new FakeKernel();
    expect(k.load(items, { subprogs: [{ start: 8 }] }).loaded.run(0)).toBe(2 * 3 + 5 + 100);
  });

  it('are called through their slots where they are global', () => {
    const k = new FakeKernel();
    const prog = k.load(items, { subprogs: [{ start: 8, linkage: 'global' }] });
    expect(prog.loaded.slots.map((slot) => slot.name)).toEqual(['main', 'sub1']);
    const [, slot] = prog.loaded.slots;
    expect(prog.loaded.run(0)).toBe(111);
    slot.patched = (regs) => {
      slot.body(regs);
      regs.lo[0] *= 10;
    };
    expect(prog.loaded.run(0)).toBe(60 + 105);
    slot.patched = undefined;
    expect(prog.loaded.run(0)).toBe(111);
    expect(callEntry(slot.body, 7)).toBe(21n);
  });

  it('have slots where they are static and BTF describes them, for fentry and fexit', () => {
    const k = new FakeKernel();
    const prog = k.load(items, { subprogs: [{ start: 8, typeId: 3 }] });
    const [, slot] = prog.loaded.slots;
    slot.patched = (regs) => void (regs.lo[0] = 1);
    expect(prog.loaded.run(0)).toBe(1 + 105);
  });

  it('have the context of the run that calls them', () => {
    const k = new FakeKernel();
    const contexts: number[] = [];
    const row = k.helper({ retWidth: 'sext', call: (call) => contexts.push(call.ctx) });
    const prog = k.load([I.mov64Imm(1, -7), I.callPseudo('f'), I.exit(), 'f', I.callHelper(1), I.exit()], {
      calls: [row],
      subprogs: [{ start: 3, linkage: 'global' }],
    });
    const [, slot] = prog.loaded.slots;
    slot.patched = slot.body;
    const ctx = k.ctx();
    prog.loaded.run(ctx);
    expect(contexts).toEqual([ctx]);
  });

  it('go at most eight deep', () => {
    const k = new FakeKernel();
    const deep = (levels: number): ReturnType<FakeKernel['load']> =>
      k.load(
        [
          I.mov64Imm(1, levels - 2),
          I.callPseudo('down'),
          I.exit(),
          'down',
          I.mov64Imm(0, 1),
          I.jmpImm(BPF_JNE, 1, 0, 'more'),
          I.exit(),
          'more',
          I.alu64Imm(BPF_ADD, 1, -1),
          I.callPseudo('down'),
          I.alu64Imm(BPF_ADD, 0, 1),
          I.exit(),
        ],
        { subprogs: [{ start: 3 }] },
      );
    expect(deep(8).loaded.run(0)).toBe(7);
    expect(() => deep(9).loaded.run(0)).toThrow(FaultError);
    expect(() => deep(9).loaded.run(0)).toThrow('more than 8 frames');
  });
});

describe('the main function’s slot', () => {
  it('is where runs enter, and tail calls and bodies do not', () => {
    const k = new FakeKernel();
    const prog = k.load([I.mov64Imm(0, 1), I.exit()]);
    const [slot] = prog.loaded.slots;
    slot.patched = (regs) => {
      prog.loaded.body(regs);
      regs.lo[0] += 41;
    };
    expect(prog.loaded.run(0)).toBe(42);
    expect(prog.loaded.lastR0).toBe(42n);
    expect(callEntry(prog.loaded.body)).toBe(1n);
    const array = k.progArray([prog]);
    const caller = k.load([...I.ldImm64(2, array.addr), I.mov64Imm(3, 0), TAIL_CALL, I.exit()]);
    expect(caller.loaded.run(0)).toBe(1);
    const symbol = [...k.symbols.values()].find(({ addr }) => addr === slot.addr);
    expect(symbol?.name).toBe('bpf_prog_0000000000000000_main');
    expect(callEntry(symbol?.entry as FuncEntry)).toBe(42n);
    prog.loaded.unload();
    expect([...k.symbols.values()]).not.toContain(symbol);
  });

  it('runs batches', () => {
    const k = new FakeKernel();
    const prog = k.load([I.ldxMem(BPF_W, 0, 1, 4), I.exit()]);
    const ctxOff = k.ctx(3 * 16);
    for (let i = 0; i < 3; i++) k.mem.write32(ctxOff + 16 * i + 4, 100 + i);
    const resultsOff = k.mem.alloc(12);
    prog.loaded.runBatch({ ctxOff, strideBytes: 16, count: 3, resultsOff });
    expect([0, 4, 8].map((off) => k.mem.read32(resultsOff + off))).toEqual([100, 101, 102]);
  });

  it('runs batches whose entry is replaced and given back, and that are watched, in between', () => {
    const k = new FakeKernel();
    const seen: unknown[] = [];
    const helper = k.helper({
      retWidth: 'zext',
      call: (call) => {
        seen.push(call.ctx);
        if (seen.length === 1) slot.patched = patched;
        if (seen.length === 3) k.observers = [{ exit: (_run, r0) => void seen.push(r0) }];
        return seen.length;
      },
    });
    const prog = k.load([I.callHelper(1), I.exit()], { calls: [helper] });
    const [slot] = prog.loaded.slots;
    const patched: FuncEntry = (regs) => {
      seen.push(k.services.currentCall);
      slot.patched = undefined;
      regs.lo[0] = 40;
    };
    const resultsOff = k.mem.alloc(16);
    prog.loaded.runBatch({ ctxOff: 64, strideBytes: 8, count: 4, resultsOff });
    expect(seen).toEqual([64, undefined, 80, 88, 4n]);
    expect([0, 4, 8, 12].map((off) => k.mem.read32(resultsOff + off))).toEqual([1, 40, 3, 4]);
    expect(k.services.currentCall).toBeUndefined();
  });
});

describe('tail calls', () => {
  it('succeed 33 times in a run', () => {
    const k = new FakeKernel();
    const progs: Parameters<FakeKernel['progArray']>[0] = [undefined];
    const array = k.progArray(progs);
    const counter = k.ctx();
    const again = k.load([
      I.ldxMem(BPF_DW, 4, 1, 0),
      I.alu64Imm(BPF_ADD, 4, 1),
      I.stxMem(BPF_DW, 1, 4, 0),
      ...I.ldImm64(2, array.addr),
      I.mov64Imm(3, 0),
      TAIL_CALL,
      I.mov64Imm(0, 99),
      I.exit(),
    ]);
    progs[0] = again;
    expect(again.loaded.run(counter)).toBe(99);
    expect(k.mem.read64(counter)).toBe(34n);
    expect(again.loaded.run(counter)).toBe(99);
    expect(k.mem.read64(counter)).toBe(68n);
  });

  it.each([
    ['an empty slot', 0],
    ['an index past the end', 2],
    ['an index of which only the low word counts', -1],
  ])('go on behind the call for %s', (_, index) => {
    const k = new FakeKernel();
    const array = k.progArray([undefined, undefined]);
    const prog = k.load([...I.ldImm64(2, array.addr), I.mov64Imm(3, index), TAIL_CALL, I.mov64Imm(0, 7), I.exit()]);
    expect(prog.loaded.run(0)).toBe(7);
  });

  it('take the low word of the index', () => {
    const k = new FakeKernel();
    const array = k.progArray([undefined, k.load([I.mov64Imm(0, 5), I.exit()])]);
    const prog = k.load([...I.ldImm64(2, array.addr), ...I.ldImm64(3, 0x900000001n), TAIL_CALL, I.exit()]);
    expect(prog.loaded.run(0)).toBe(5);
  });

  it('give helpers the new program and the same context', () => {
    const k = new FakeKernel();
    const seen: unknown[] = [];
    const helper = k.helper({ retWidth: 'sext', call: (call) => (seen.push(call.prog, call.ctx), 3) });
    const target = k.load([I.callHelper(1), I.exit()], { calls: [helper] });
    const array = k.progArray([target]);
    const prog = k.load([...I.ldImm64(2, array.addr), I.mov64Imm(3, 0), TAIL_CALL, I.exit()]);
    const ctx = k.ctx();
    expect(prog.loaded.run(ctx)).toBe(3);
    expect(seen).toEqual([target, ctx]);
  });

  it.each([false, true])('from a function end that function with the result, checked %s', (checked) => {
    const k = new FakeKernel({ checked });
    const target = k.load([I.mov64Imm(0, 20), I.exit()]);
    const array = k.progArray([target]);
    const prog = k.load(
      [
        I.mov64Imm(6, 1),
        I.callPseudo('sub'),
        I.alu64Reg(BPF_ADD, 0, 6),
        I.exit(),
        'sub',
        ...I.ldImm64(2, array.addr),
        I.mov64Imm(3, 0),
        TAIL_CALL,
        I.mov64Imm(0, 0),
        I.exit(),
      ],
      { subprogs: [{ start: 4 }] },
    );
    expect(prog.loaded.run(0)).toBe(21);
    const targets: unknown[] = [];
    k.observers = [{ tailCall: (_run, target) => targets.push(target) }];
    expect(prog.loaded.run(0)).toBe(21);
    expect(targets).toEqual([target]);
  });
});

describe('loads through BTF pointers', () => {
  const probing = (k: FakeKernel, addr: bigint, size = BPF_DW): bigint => {
    const prog = k.load([...I.ldImm64(1, addr), I.ldxMem(size, 0, 1, 8), I.exit()], { aux: { 2: { probeMem: true } } });
    prog.loaded.run(0);
    return prog.loaded.lastR0;
  };

  it('read live objects and 0 anywhere else', () => {
    const k = new FakeKernel();
    const off = k.mem.alloc(16, { kind: 'task_struct' });
    k.mem.write64(off + 8, 0x1122334455667788n);
    expect(probing(k, k.mem.toAddr(off))).toBe(0x1122334455667788n);
    expect(probing(k, k.mem.toAddr(off), BPF_W)).toBe(0x55667788n);
    expect(probing(k, k.mem.toAddr(off) + 4n)).toBe(0n);
    expect(probing(k, 0n)).toBe(0n);
    expect(probing(k, BigInt(off))).toBe(0n);
    expect(probing(k, 0xffff8880fffffff8n)).toBe(0n);
    expect(probing(k, 0xffff887ffffffff8n)).toBe(0n);
    expect(probing(k, 0xdeadbeefdeadbeefn)).toBe(0n);
    k.mem.free(off);
    expect(probing(k, k.mem.toAddr(off))).toBe(0n);
  });
});

describe('LD_ABS and LD_IND', () => {
  // head: 16 bytes of headroom, then the packet, whose network header is 14 bytes in.
  const setUp = (options = {}): { k: FakeKernel; skb: number } => {
    const k = new FakeKernel(options);
    const head = k.mem.alloc(64, { kind: 'packet' });
    for (let i = 0; i < 64; i++) k.mem.write8(head + i, i);
    const skb = k.mem.alloc(SKB.size, { kind: 'ctx' });
    k.mem.write64(skb + SKB.head, k.mem.toAddr(head));
    k.mem.write64(skb + SKB.data, k.mem.toAddr(head + 16));
    k.mem.write32(skb + SKB.tail, 56);
    k.mem.write32(skb + SKB.len, 48);
    k.mem.write32(skb + SKB.data_len, 8);
    k.mem.write16(skb + SKB.network_header, 30);
    k.mem.write16(skb + SKB.mac_header, 16);
    return { k, skb };
  };
  const NET = -0x100000;
  const LL = -0x200000;
  const W = 0x00;
  const H = 0x08;
  const B = 0x10;

  it.each([
    [B, 0, 0x10n],
    [H, 1, 0x1112n],
    [W, 2, 0x12131415n],
    [B, 39, 0x37n],
    [B, 40, undefined],
    [W, 37, undefined],
    [B, NET, 30n],
    [W, NET + 22, 0x34353637n],
    [W, NET + 23, undefined],
    [B, LL, 16n],
    [B, LL - 1, undefined],
    [B, -1, undefined],
    [B, -0x1000, undefined],
  ])('of size %i at %i', (size, off, expected) => {
    for (const checked of [false, true]) {
      const { k, skb } = setUp({ checked });
      const abs = k.load([
        I.mov64Reg(6, 1),
        I.mov64Imm(0, -1),
        I.ldAbs(size, off),
        I.alu64Imm(BPF_ADD, 0, 1),
        I.exit(),
      ]);
      abs.loaded.run(skb);
      expect(abs.loaded.lastR0).toBe(expected === undefined ? 0n : expected + 1n);
      const ind = k.load([I.mov64Reg(6, 1), I.mov64Imm(7, 5), I.ldInd(size, 7, off - 5), I.exit()]);
      ind.loaded.run(skb);
      expect(ind.loaded.lastR0).toBe(expected ?? 0n);
    }
  });

  it('ask a hook for paged data', () => {
    const { k, skb } = setUp({ pagedPacketRead: (_skb: number, off: number) => (off === 44 ? [1, 2] : undefined) });
    const prog = k.load([I.mov64Reg(6, 1), I.ldAbs(H, 44), I.exit()]);
    expect(prog.loaded.run(skb)).toBe(0x102);
  });
});
