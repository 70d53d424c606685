// SPDX-License-Identifier: MIT
// Programs to measure, each with the same work as a plain JavaScript function. Every one answers R0's low word over a
// context of 4 KiB; `helper` adds one to R1.

export interface BenchProgram {
  readonly name: string;
  readonly asm: string;
  js(bytes: Uint8Array, view: DataView): number;
}

const N = 10_000;
const MASK = 0xffffffffffffffffn;

export const PROGRAMS: readonly BenchProgram[] = [
  { name: 'trivial', asm: 'mov r0, 2\nexit', js: () => 2 },
  {
    name: 'alu64',
    asm: `mov r6, 0
      mov r0, 1
      lddw r7, 0x9e3779b97f4a7c15
      loop: mov r3, r0
      lsh r3, 13
      xor r0, r3
      mov r3, r0
      rsh r3, 7
      xor r0, r3
      mov r3, r0
      lsh r3, 17
      xor r0, r3
      add r0, r7
      mul r0, r7
      or r0, 1
      sub r0, r6
      add r6, 1
      jlt r6, ${N}, loop
      exit`,
    js() {
      let x = 1n;
      for (let i = 0n; i < BigInt(N); i++) {
        x ^= (x << 13n) & MASK;
        x ^= x >> 7n;
        x ^= (x << 17n) & MASK;
        x = ((((x + 0x9e3779b97f4a7c15n) * 0x9e3779b97f4a7c15n) | 1n) - i) & MASK;
      }
      return Number(x & 0xffffffffn);
    },
  },
  {
    name: 'alu32',
    asm: `mov32 r6, 0
      mov32 r0, 1
      loop: mov32 r3, r0
      lsh32 r3, 13
      xor32 r0, r3
      mov32 r3, r0
      rsh32 r3, 17
      xor32 r0, r3
      mov32 r3, r0
      lsh32 r3, 5
      xor32 r0, r3
      mul32 r0, 1664525
      add32 r0, 1013904223
      mov32 r4, r0
      or32 r4, 1
      mov32 r5, r6
      div32 r5, r4
      add32 r0, r5
      add32 r6, 1
      jlt32 r6, ${N}, loop
      exit`,
    js() {
      let x = 1;
      for (let i = 0; i < N; i++) {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        x = (Math.imul(x, 1664525) + 1013904223) | 0;
        x = (x + ((i / ((x | 1) >>> 0)) | 0)) | 0;
      }
      return x >>> 0;
    },
  },
  {
    name: 'collatz',
    asm: `mov r0, 0
      mov r6, 1
      outer: mov r1, r6
      inner: jeq r1, 1, next
      add r0, 1
      mov r3, r1
      and r3, 1
      jeq r3, 0, even
      mul r1, 3
      add r1, 1
      ja inner
      even: rsh r1, 1
      ja inner
      next: add r6, 1
      jlt r6, 64, outer
      exit`,
    js() {
      let steps = 0;
      for (let i = 1; i < 64; i++) {
        for (let x = i; x !== 1; steps++) x = (x & 1) === 0 ? x / 2 : 3 * x + 1;
      }
      return steps;
    },
  },
  {
    name: 'sieve',
    asm: `mov r2, 0
      clear: mov r3, r1
      add r3, r2
      stdw [r3], 0
      add r2, 8
      jlt r2, 2048, clear
      mov r0, 0
      mov r2, 2
      next: mov r3, r1
      add r3, r2
      ldxb r4, [r3]
      jne r4, 0, skip
      add r0, 1
      mov r5, r2
      add r5, r2
      strike: jge r5, 2048, skip
      mov r3, r1
      add r3, r5
      stb [r3], 1
      add r5, r2
      ja strike
      skip: add r2, 1
      jlt r2, 2048, next
      exit`,
    js(bytes) {
      for (let i = 0; i < 2048; i++) bytes[i] = 0;
      let primes = 0;
      for (let i = 2; i < 2048; i++) {
        if (bytes[i] !== 0) continue;
        primes++;
        for (let j = i + i; j < 2048; j += i) bytes[j] = 1;
      }
      return primes;
    },
  },
  {
    name: 'csum',
    asm: `mov r0, 0
      mov r2, r1
      add r2, 1500
      loop: ldxh r3, [r1]
      add r0, r3
      add r1, 2
      jlt r1, r2, loop
      mov r3, r0
      rsh r3, 16
      and r0, 0xffff
      add r0, r3
      exit`,
    js(_, view) {
      let sum = 0;
      for (let i = 0; i < 1500; i += 2) sum += view.getUint16(i, true);
      return (sum >>> 16) + (sum & 0xffff);
    },
  },
  {
    name: 'memcpy',
    asm: `mov r2, r1
      add r2, 2048
      mov r4, r2
      loop: ldxdw r3, [r1]
      stxdw [r2], r3
      add r1, 8
      add r2, 8
      jlt r1, r4, loop
      ldxw r0, [r2-4]
      exit`,
    js(_, view) {
      for (let i = 0; i < 2048; i += 8) {
        view.setInt32(2048 + i, view.getInt32(i, true), true);
        view.setInt32(2052 + i, view.getInt32(i + 4, true), true);
      }
      return view.getUint32(4092, true);
    },
  },
  {
    name: 'helper1000',
    asm: `mov r6, 0
      mov r0, 0
      loop: mov r1, r0
      call 1
      add r6, 1
      jlt r6, 1000, loop
      exit`,
    js() {
      let x = 0;
      for (let i = 0; i < 1000; i++) x = addOne(x);
      return x;
    },
  },
  {
    name: 'call1000',
    asm: `mov r6, 0
      mov r0, 0
      loop: mov r1, r0
      mov r2, r6
      call local f
      add r6, 1
      jlt r6, 1000, loop
      exit
      f: mov r6, r1
      add r6, r2
      xor r6, 5
      mov r0, r6
      exit`,
    js() {
      let x = 0;
      for (let i = 0; i < 1000; i++) x = (x + i) ^ 5;
      return x >>> 0;
    },
  },
];

function addOne(x: number): number {
  return x + 1;
}
