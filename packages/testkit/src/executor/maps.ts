// SPDX-License-Identifier: MIT
// Operations of maps, tail calls, loads that may fault.
import type { BpfMap } from '@tsbpf/core';
import type { ExecKernel } from '../exec-kernel.ts';
import type { ExecutorCase } from './case.ts';

/** Updates keys 1, 2 and 2, looks up 2, 1 and 3, deletes 1, looks it up: a word of what was found. */
function script(keySize: number): string {
  const key = (n: number): string =>
    `stdw [r10-32], 0\nstdw [r10-24], 0\nstdw [r10-16], 0\nstb [r10-32], ${n}\nstb [r10-${33 - keySize}], ${n}\nmov r1, 0\nmov r2, r10\nadd r2, -32`;
  const update = (n: number, value: number): string =>
    `${key(n)}\nstdw [r10-8], ${value}\nmov r3, r10\nadd r3, -8\nmov r4, 0\ncall 1`;
  const lookup = (n: number): string => `${key(n)}\ncall 1\nlsh r6, 8\njeq r0, 0, +2\nldxdw r0, [r0]\nor r6, r0`;
  const remove = (n: number): string => `${key(n)}\ncall 1`;
  return [
    'mov r6, 0',
    update(1, 0x11),
    update(2, 0x21),
    update(2, 0x22),
    lookup(2),
    lookup(1),
    lookup(3),
    remove(1),
    lookup(1),
    'mov r0, r6\nexit',
  ].join('\n');
}

function scripted(k: ExecKernel, map: BpfMap): bigint {
  const ops = ['update', 'update', 'update', 'lookup', 'lookup', 'lookup', 'delete', 'lookup'] as const;
  return k.run(k.load(script(map.keySize), { calls: ops.map((op) => k.mapOp(map, op)) }));
}

const M64 = 0xffffffffffffffffn;
const HASHES = ['hash', 'percpu_hash', 'lru_hash', 'lru_percpu_hash'];
const NO_PREALLOC = 1;

function pattern(lenBytes: number): Uint8Array {
  return Uint8Array.from({ length: lenBytes }, (_, i) => (i * 37 + 11) & 0xff);
}

export const mapCases: readonly ExecutorCase[] = [
  ...HASHES.flatMap((type) =>
    [1, 2, 3, 4, 6, 7, 8, 12, 13, 16].map((keySize) => ({
      name: `${type} of keys of ${keySize} bytes`,
      run: (k: ExecKernel) => scripted(k, k.map(type, { keySize, maxEntries: 16 })),
      expected: 0x22110000n,
    })),
  ),
  {
    name: 'a hash without preallocation',
    run: (k) => scripted(k, k.map('hash', { keySize: 8, flags: NO_PREALLOC })),
    expected: 0x22110000n,
  },
  ...['array', 'percpu_array'].map((type) => ({
    name: `${type}: deleting is refused`,
    run: (k: ExecKernel) => [0, 1].map((cpu) => ((k.state.env.cpu = cpu), scripted(k, k.map(type, { maxEntries: 3 })))),
    // Key 2 has the byte 2 at both ends: it is beyond the end, as is key 1.
    expected: [0n, 0n],
  })),
  ...['array', 'percpu_array'].map((type) => ({
    name: `${type}: values by index, and none beyond the end`,
    run(k: ExecKernel) {
      const map = k.map(type, { maxEntries: 3, valueSize: 12 });
      const at = (index: number): string =>
        `stw [r10-4], ${index}\nmov r1, 0\nmov r2, r10\nadd r2, -4\ncall 1\njne r0, 0, +2\nmov r0, -1\nja +4\nldxw r1, [r0]\nadd r1, ${index + 1}\nstxw [r0], r1\nldxw r0, [r0]`;
      const lookups = (index: number): bigint =>
        k.run(k.load(`${at(index)}\nexit`, { calls: [k.mapOp(map, 'lookup')] }));
      return [0, 1, 2, 3, -1, 2].map((index, i) => ((k.state.env.cpu = type === 'array' ? 0 : i & 1), lookups(index)));
    },
    expected: type === 'array' ? [1n, 2n, 3n, M64, M64, 6n] : [1n, 2n, 3n, M64, M64, 3n],
  })),
  ...[1, 3, 7, 8, 12, 15, 64, 70, 200].map((valueSize) => ({
    name: `hash of values of ${valueSize} bytes`,
    run(k: ExecKernel) {
      const { mem } = k.state;
      const map = k.map('hash', { keySize: 8, valueSize });
      const ctx = k.ctx(512);
      mem.writeBytes(ctx + 8, pattern(valueSize + 8));
      const prog = k.load(
        'mov r2, r1\nmov r3, r1\nadd r3, 8\nmov r4, 0\nmov r6, r1\ncall 1\nmov r2, r6\nmov r1, 0\ncall 1\nexit',
        { calls: [k.mapOp(map, 'update'), k.mapOp(map, 'lookup')] },
      );
      const found = Number(k.run(prog, ctx) & 0xffffffffn);
      return mem.readBytes(found, valueSize);
    },
    expected: pattern(valueSize),
  })),
  {
    name: 'a full hash takes replacements, and gives deleted elements out again on every CPU',
    run(k) {
      const map = k.map('hash', { maxEntries: 2 });
      const run = (op: 'update' | 'delete', key: number, cpu: number): number => {
        k.state.env.cpu = cpu;
        const asm = `stw [r10-4], ${key}\nstdw [r10-16], 1\nmov r1, 0\nmov r2, r10\nadd r2, -4\nmov r3, r10\nadd r3, -16\nmov r4, 0\ncall 1\nexit`;
        return Number(BigInt.asIntN(64, k.run(k.load(asm, { calls: [k.mapOp(map, op)] }))));
      };
      return [
        [run('update', 1, 0), run('update', 2, 1), run('update', 3, 0), run('update', 2, 0), run('update', 1, 1)],
        [run('delete', 1, 1), run('delete', 1, 0), run('update', 3, 0), run('update', 4, 1), run('delete', 2, 0)],
        [run('update', 4, 1), run('update', 5, 0)],
      ];
    },
    expected: [
      [0, 0, -7, 0, 0],
      [0, -2, 0, -7, 0],
      [0, -7],
    ],
  },
  {
    name: 'updates answer errno',
    run(k) {
      const map = k.map('hash', { keySize: 4, maxEntries: 1 });
      const update = (key: number, flags: string): bigint =>
        k.run(
          k.load(
            `stw [r10-4], ${key}\nstdw [r10-16], 1\nmov r1, 0\nmov r2, r10\nadd r2, -4\nmov r3, r10\nadd r3, -16\nlddw r4, ${flags}\ncall 1\nexit`,
            { calls: [k.mapOp(map, 'update')] },
          ),
        );
      const answers = [update(1, '2'), update(1, '1'), update(1, '1'), update(2, '0'), update(1, '0x100000000')];
      return answers.map((r0) => Number(BigInt.asIntN(64, r0)));
    },
    expected: [-2, 0, -17, -7, -22],
  },
  {
    name: 'operations stand for helpers that may be replaced',
    run(k) {
      const map = k.map('hash');
      const prog = k.load('stw [r10-4], 1\nmov r1, 5\nmov r2, r10\nadd r2, -4\ncall 1\nexit', {
        calls: [k.mapOp(map, 'delete')],
      });
      const before = k.run(prog);
      const stop = k.state.overrideHelper('bpf_map_delete_elem', () => (_call, r1) => r1 + 70);
      const during = k.run(prog);
      stop();
      return [before, during, k.run(prog)].map((r0) => Number(BigInt.asIntN(64, r0)));
    },
    expected: [-2, 75, -2],
  },
  {
    name: 'loads through BTF pointers read 0 where nothing lives',
    run(k) {
      const { mem } = k.state;
      const live = mem.alloc(16);
      mem.write64(live + 8, 0x8877665544332211n);
      const gone = mem.alloc(3 << 20);
      mem.free(gone);
      const prog = k.load('ldxdw r2, [r1]\nldxw r0, [r2+8]\nexit', { aux: { 1: { probeMem: true } } });
      const ctx = k.ctx();
      const addresses = [
        mem.toAddr(live),
        0n,
        mem.toAddr(gone),
        0x1122334400000000n + BigInt(live),
        mem.toAddr(live + 8),
      ];
      return addresses.map((addr) => (mem.write64(ctx, addr), k.run(prog, ctx)));
    },
    expected: [0x44332211n, 0n, 0n, 0n, 0n],
  },
];
