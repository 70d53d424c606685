// SPDX-License-Identifier: MIT
import { assemble } from '@tsbpf/insn';
import { describe, expect, it } from 'vitest';
import { compileBare } from './bare.ts';

const run = (asm: string, mem?: Uint8Array): bigint => compileBare({ insns: assemble(asm) }).run({ mem }).r0;

describe('bare programs', () => {
  it('get their memory and its length, and change a copy', () => {
    const mem = Uint8Array.of(1, 2, 3, 4);
    const result = compileBare({ insns: assemble('ldxb r0, [r1+2]\nstb [r1+2], 9\nadd r0, r2\nexit') }).run({ mem });
    expect(result).toEqual({ r0: 7n, mem: Uint8Array.of(1, 2, 9, 4) });
    expect(mem[2]).toBe(3);
  });

  it('have a stack of zeroes in each run', () => {
    const prog = compileBare({ insns: assemble('ldxdw r0, [r10-8]\nstdw [r10-8], 5\nexit') });
    expect([prog.run().r0, prog.run().r0]).toEqual([0n, 0n]);
  });

  it('call helpers, with 64 bits each way', () => {
    const seen: bigint[] = [];
    const prog = compileBare({
      insns: assemble('lddw r1, 0x1122334455667788\nmov r2, -1\nmov r3, 3\nmov r4, 4\nmov r5, 5\ncall 7\nexit'),
      helpers: { 7: (args) => (seen.push(...args), 0xfedcba9876543210n) },
    });
    expect(prog.run().r0).toBe(0xfedcba9876543210n);
    expect(seen).toEqual([0x1122334455667788n, 0xffffffffffffffffn, 3n, 4n, 5n]);
  });

  it('hand memory to helpers, but only their own', () => {
    const prog = (asm: string): bigint =>
      compileBare({
        insns: assemble(asm),
        helpers: {
          1: ([addr, length], mem) => {
            const bytes = mem.read(addr, Number(length));
            mem.write(
              addr,
              bytes.map((byte) => byte + 1),
            );
            return BigInt(bytes.length);
          },
        },
      }).run({ mem: new Uint8Array(8) }).r0;
    expect(prog('mov r6, r1\nmov r2, 8\ncall 1\nldxb r0, [r6+7]\nexit')).toBe(1n);
    expect(prog('stdw [r10-8], 0\nmov r1, r10\nadd r1, -8\nmov r2, 8\ncall 1\nldxb r0, [r10-1]\nexit')).toBe(1n);
    expect(() => prog('mov r2, 9\ncall 1\nexit')).toThrow("not the program's own");
    expect(() => prog('mov32 r1, r1\nmov r2, 8\ncall 1\nexit')).toThrow("not the program's own");
  });

  it('fault where there is no memory, and beyond eight frames', () => {
    expect(() => run('mov32 r1, 0xffffff00\nldxdw r0, [r1]\nexit')).toThrow(/trapped/);
    expect(() => run('call local f\nexit\nf:\ncall local f\nexit')).toThrow(/trapped/);
  });

  const malformed: readonly (readonly [string, readonly number[], string])[] = [
    ['no instruction', [], 'at least one'],
    ['an unknown opcode', [0xff, 0, 0, 0, 0, 0, 0, 0], 'unknown'],
    ['a jump out of the program', [0x05, 0, 9, 0, 0, 0, 0, 0], 'no instruction'],
    ['an end without a return', [0xb7, 0, 0, 0, 0, 0, 0, 0], 'without a return'],
    ['a write to R10', [0xb7, 10, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0], 'R10'],
    ['a register that does not exist', [0xb7, 11, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0], 'R11'],
    ['a helper that was not given', [0x85, 0, 0, 0, 3, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0], 'helper 3'],
    [
      'a division whose offset means nothing',
      [0x37, 0, 5, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0],
      'does not use off',
    ],
    ['packet loads', [0x20, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0], 'kernel'],
  ];
  it.each(malformed)('refuse %s', (_, bytes, message) => {
    expect(() => compileBare({ insns: Uint8Array.from(bytes) })).toThrow(message);
    expect(() => compileBare({ insns: Uint8Array.from(bytes) })).toThrow(expect.objectContaining({ errno: 22 }));
  });
});
