// SPDX-License-Identifier: MIT
// The programs that the verifier is timed on, each stressing another part of it.

/** Straight code without joins: nothing can be pruned. */
function straight(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => `r${2 + (i % 4)} = ${i}\nr${2 + (i % 4)} ^= r${3 + (i % 3)}`);
  return `r0 = 0\nr2 = 1\nr3 = 2\nr4 = 3\nr5 = 4\n${lines.join('\n')}\nexit`;
}

/** Two ways each time, told apart by a number that matters: 2 to the power of `depth` paths. */
function paths(depth: number): string {
  const steps = Array.from(
    { length: depth },
    (_, i) => `r2 = *(u32 *)(r6 +${4 * (i % 4)})\nif r2 > 7 goto l${i}\nr7 += ${2 ** i}\nl${i}:`,
  );
  const use = 'r3 = r10\nr7 &= 63\nr7 += -64\nr3 += r7\nr0 = 0\nexit';
  return `r6 = r1\nr7 = 0\n${steps.join('\n')}\n${use}`;
}

/** Scalars that are narrowed, shifted and masked, and a branch each time that both ways leave the same. */
function ranges(count: number): string {
  const steps = Array.from(
    { length: count },
    (_, i) =>
      `r2 = *(u32 *)(r6 +${4 * (i % 4)})\nr3 = r2\nr3 <<= 3\nr3 &= 4095\nif r3 s> ${i % 97} goto l${i}\nr3 |= 1\nl${i}:`,
  );
  return `r6 = r1\nr0 = 0\n${steps.join('\n')}\nexit`;
}

/** Every slot of the stack holds a spilled value, and a loop goes on to the limit. */
function fullStack(): string {
  const spills = Array.from({ length: 64 }, (_, i) => `*(u64 *)(r10 -${8 * (i + 1)}) = r1`);
  return `r0 = 0\n${spills.join('\n')}\nagain:\nr0 += 1\nif r0 != 0 goto again\nexit`;
}

/** Eight functions deep, the stack of each in use, the innermost loops to the limit. */
function deepCalls(): string {
  const spill = Array.from({ length: 7 }, (_, i) => `*(u64 *)(r10 -${8 * (i + 1)}) = r1`).join('\n');
  const funcs = Array.from(
    { length: 7 },
    (_, i) => `f${i}:\n${spill}\n${i < 6 ? `call f${i + 1}` : 'r0 = 0\nagain:\nr0 += 1\nif r0 != 0 goto again'}\nexit`,
  );
  return `${spill}\ncall f0\nr0 = 0\nexit\n${funcs.join('\n')}`;
}

/** By name; texts in the kernel's assembly. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  straight: straight(1500),
  ranges: ranges(400),
  loop: 'r0 = 0\nagain:\nr0 += 1\nif r0 < 100000 goto again\nr0 = 0\nexit',
  'loop with stack':
    'r6 = 0\nagain:\nr6 += 1\n*(u64 *)(r10 -8) = r6\n*(u64 *)(r10 -16) = r6\nr7 = *(u64 *)(r10 -8)\nr7 *= 3\n' +
    'if r6 < 100000 goto again\nr0 = 0\nexit',
  paths: paths(12),
  'million, empty': 'r0 = 0\nagain:\nr0 += 1\nif r0 != 0 goto again\nexit',
  'million, stack': fullStack(),
  'million, calls': deepCalls(),
};
