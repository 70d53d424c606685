// SPDX-License-Identifier: MIT
// Programs to measure engines with: arithmetic, memory, packets, maps, calls. The context begins with the addresses of
// a packet and of its end.

/** A map where programs are measured: an engine's kernel, or the running one. */
export interface BenchMap {
  /** What `lddw` loads to name it. */
  readonly addr: bigint;
}

/** What a call instruction reaches, in order of the instructions. */
export type BenchCall = { readonly op: 'lookup' | 'update'; readonly map: BenchMap } | { readonly helper: string };

/** Where programs are measured. */
export interface BenchTarget<Prog = unknown> {
  map(type: string, shape: { keySize?: number; valueSize: number; maxEntries: number; flags?: number }): BenchMap;
  put(map: BenchMap, key: Uint8Array, value: Uint8Array): void;
  /** `tailMap`: the prog array that a tail call goes through. */
  load(asm: string, calls?: readonly BenchCall[], tailMap?: BenchMap): Prog;
  progArray(maxEntries: number): BenchMap;
  setProg(array: BenchMap, index: number, prog: Prog): void;
}

export interface BenchProgram {
  readonly name: string;
  make<Prog>(k: BenchTarget<Prog>): Prog;
  /** Runs per sample on the JIT; the interpreter makes a twentieth. */
  readonly runs: number;
}

/** An Ethernet, IPv4 and UDP header, and payload up to 1,500 bytes. */
export function packetBytes(): Uint8Array {
  const bytes = Uint8Array.from({ length: 1500 }, (_, i) => (i * 7 + 3) & 0xff);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 5, 0xce, 0, 1, 0, 0, 64, 17, 0, 0, 10, 1, 2, 3]);
  bytes.set([192, 168, 7, 9, 0x30, 0x39, 0, 53, 5, 0xba, 0, 0], 30);
  return bytes;
}

const PARSE = `
ldxdw r2, [r1+0]
ldxdw r3, [r1+8]
mov r4, r2
add r4, 42
jgt r4, r3, drop
ldxh r4, [r2+12]
jne r4, 8, drop
ldxb r4, [r2+14]
and r4, 15
jne r4, 5, drop
ldxb r6, [r2+23]
jne r6, 17, drop`;

const KEY = `
stdw [r10-16], 0
ldxw r4, [r2+26]
stxw [r10-16], r4
ldxw r4, [r2+30]
stxw [r10-12], r4
ldxw r4, [r2+34]
stxw [r10-8], r4
stw [r10-4], 17`;

const DROP = '\ndrop:\nmov r0, 1\nexit';

function asm(name: string, runs: number, text: string): BenchProgram {
  return { name, runs, make: (k) => k.load(text) };
}

/** A hash of flows with some others in it. */
function flows(k: BenchTarget): BenchMap {
  const map = k.map('hash', { keySize: 16, valueSize: 16, maxEntries: 1024 });
  for (let i = 0; i < 500; i++) {
    const key = new Uint8Array(16);
    key.set(packetBytes().subarray(26, 38));
    key[12] = 17;
    if (i > 0) key.set([i & 0xff, i >> 8, 0, 0]);
    k.put(map, key, new Uint8Array(16));
  }
  return map;
}

export const PROGRAMS: readonly BenchProgram[] = [
  asm('trivial', 1_000_000, 'mov r0, 2\nexit'),
  asm(
    'alu64',
    60,
    `mov r6, 0
mov r0, 1
lddw r7, 0x9e3779b97f4a7c15
loop:
mov r3, r0
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
jlt r6, 10000, loop
exit`,
  ),
  asm(
    'alu32',
    60,
    `mov32 r6, 0
mov32 r0, 1
loop:
mov32 r3, r0
lsh32 r3, 13
xor32 r0, r3
mov32 r3, r0
rsh32 r3, 17
xor32 r0, r3
mov32 r3, r0
lsh32 r3, 5
xor32 r0, r3
add32 r0, 77
mul32 r0, 1664525
add32 r0, 1013904223
xor32 r0, r6
add32 r6, 1
jlt32 r6, 10000, loop
exit`,
  ),
  asm(
    'collatz',
    2000,
    `mov r0, 0
mov r7, 871
next:
mov r6, r7
loop:
jeq r6, 1, out
add r0, 1
mov r3, r6
and r3, 1
jeq r3, 0, even
mul r6, 3
add r6, 1
ja loop
even:
rsh r6, 1
ja loop
out:
add r7, 1
jlt r7, 885, next
exit`,
  ),
  asm(
    'sieve',
    1000,
    `mov r6, 0
clear:
mov r1, r10
add r1, -512
add r1, r6
stdw [r1], 0
add r6, 8
jlt r6, 512, clear
mov r0, 0
mov r6, 2
outer:
mov r1, r10
add r1, -512
add r1, r6
ldxb r2, [r1]
jne r2, 0, skip
add r0, 1
mov r7, r6
lsh r7, 1
inner:
jge r7, 512, skip
mov r1, r10
add r1, -512
add r1, r7
stb [r1], 1
add r7, r6
ja inner
skip:
add r6, 1
jlt r6, 512, outer
exit`,
  ),
  asm(
    'csum',
    2000,
    `ldxdw r2, [r1+0]
ldxdw r3, [r1+8]
mov r0, 0
loop:
mov r4, r2
add r4, 2
jgt r4, r3, out
ldxh r5, [r2]
add r0, r5
mov r2, r4
ja loop
out:
mov r1, r0
rsh r1, 16
and r0, 0xffff
add r0, r1
exit`,
  ),
  asm(
    'memcpy',
    8000,
    `ldxdw r2, [r1+0]
ldxdw r3, [r1+8]
mov r4, r2
add r4, 1496
jgt r4, r3, out
mov r3, r2
add r3, 752
mov r4, 0
loop:
ldxdw r5, [r2]
stxdw [r3], r5
add r2, 8
add r3, 8
add r4, 8
jlt r4, 744, loop
out:
mov r0, 2
exit`,
  ),
  ...['xdpcnt', 'xdpcnt_atomic'].map((name) => ({
    name,
    runs: 200_000,
    make<Prog>(k: BenchTarget<Prog>): Prog {
      const map = k.map('array', { valueSize: 16, maxEntries: 256 });
      const add =
        name === 'xdpcnt'
          ? 'ldxdw r1, [r0]\nadd r1, 1\nstxdw [r0], r1\nldxdw r1, [r0+8]\nadd r1, r7\nstxdw [r0+8], r1'
          : 'mov r1, 1\nlock add [r0], r1\nlock add [r0+8], r7';
      return k.load(
        `${PARSE}
mov r7, r3
sub r7, r2
stxw [r10-4], r6
lddw r1, 0x${map.addr.toString(16)}
mov r2, r10
add r2, -4
call 1
jeq r0, 0, drop
${add}
mov r0, 2
exit${DROP}`,
        [{ op: 'lookup', map }],
      );
    },
  })),
  {
    name: 'flow',
    runs: 100_000,
    make<Prog>(k: BenchTarget<Prog>): Prog {
      const map = flows(k);
      return k.load(
        `${PARSE}${KEY}
mov r7, r3
sub r7, r2
lddw r1, 0x${map.addr.toString(16)}
mov r2, r10
add r2, -16
call 1
jeq r0, 0, drop
ldxdw r1, [r0]
add r1, 1
stxdw [r0], r1
ldxdw r1, [r0+8]
add r1, r7
stxdw [r0+8], r1
mov r0, 2
exit${DROP}`,
        [{ op: 'lookup', map }],
      );
    },
  },
  {
    name: 'flow_upd',
    runs: 50_000,
    make<Prog>(k: BenchTarget<Prog>): Prog {
      const map = flows(k);
      return k.load(
        `${PARSE}${KEY}
lddw r1, 0x${map.addr.toString(16)}
mov r2, r10
add r2, -16
call 1
jeq r0, 0, drop
ldxdw r1, [r0]
add r1, 1
stxdw [r10-32], r1
stdw [r10-24], 5
lddw r1, 0x${map.addr.toString(16)}
mov r2, r10
add r2, -16
mov r3, r10
add r3, -32
mov r4, 0
call 1
mov r0, 2
exit${DROP}`,
        [
          { op: 'lookup', map },
          { op: 'update', map },
        ],
      );
    },
  },
  {
    name: 'lpm',
    runs: 50_000,
    make<Prog>(k: BenchTarget<Prog>): Prog {
      const map = k.map('lpm_trie', { keySize: 8, valueSize: 8, maxEntries: 1024, flags: 1 });
      for (let i = 0; i <= 500; i++) {
        const key = new Uint8Array(8);
        const view = new DataView(key.buffer);
        view.setUint32(0, i === 500 ? 24 : 8 + (i % 25), true);
        view.setUint32(4, i === 500 ? 0xc0a80700 : Math.imul(i, 0x9e3779b1) >>> 0);
        k.put(map, key, new Uint8Array(8));
      }
      return k.load(
        `${PARSE}
ldxw r4, [r2+30]
stw [r10-8], 32
stxw [r10-4], r4
lddw r1, 0x${map.addr.toString(16)}
mov r2, r10
add r2, -8
call 1
jeq r0, 0, drop
ldxdw r1, [r0]
add r1, 1
stxdw [r0], r1
mov r0, 2
exit${DROP}`,
        [{ op: 'lookup', map }],
      );
    },
  },
  {
    name: 'helper1000',
    runs: 2000,
    make: (k) =>
      k.load(
        `mov r6, 0
mov r7, 0
loop:
call 1
add r7, r0
xor r7, r6
add r6, 1
jlt r6, 1000, loop
mov r0, r7
exit`,
        [{ helper: 'get_smp_processor_id' }],
      ),
  },
  {
    name: 'helper_js1000',
    runs: 200,
    make: (k) =>
      k.load(
        `mov r6, 0
loop:
call 1
add r6, 1
jlt r6, 1000, loop
mov r0, 2
exit`,
        [{ helper: 'get_prandom_u32' }],
      ),
  },
  asm(
    'call1000',
    1000,
    `mov r6, 0
mov r7, 1
loop:
mov r1, r7
mov r2, r6
call local f
mov r7, r0
add r6, 1
jlt r6, 1000, loop
mov r0, r7
exit
f:
mov r0, r1
mul r0, 31
xor r0, r2
add r0, 7
exit`,
  ),
  {
    name: 'tail32',
    runs: 20_000,
    make<Prog>(k: BenchTarget<Prog>): Prog {
      const array = k.progArray(33);
      const text = `lddw r2, 0x${array.addr.toString(16)}\nmov r3, INDEX\ncall 1\nmov r0, 2\nexit`;
      const progs = Array.from({ length: 33 }, (_, i) =>
        k.load(text.replace('INDEX', `${i + 1}`), [{ helper: 'tail_call' }], array),
      );
      progs.forEach((prog, i) => i > 0 && k.setProg(array, i, prog));
      return progs[0];
    },
  },
];
