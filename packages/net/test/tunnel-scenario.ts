// SPDX-License-Identifier: MIT
// Programs that set and read a tunnel's header: for the simulation and for the running kernel alike.
import { createPrng } from '@tsbpf/capture';
import { BPF_PROG_TYPE_SCHED_CLS, type Sys } from '@tsbpf/uapi';
import { loadAsm, testRun } from './real-kernel.ts';

const FRAME = new Uint8Array(64).fill(0x45);

/** A program of calls: what each returned and left is mixed into the result. */
function programOf(seed: number): string {
  const prng = createPrng(seed);
  const pick = <T>(from: readonly T[]): T => from[prng() % from.length] as T;
  const lines = ['r6 = r1', 'r7 = 17'];
  const buffer = (size: number): void => {
    for (let off = 8; off <= 288; off += 8) lines.push(`r1 = ${prng() & 0x7fffffff} ll`, `*(u64 *)(r10 - ${off}) = r1`);
    // The extension is zero more often than not, and the label of IPv6 small.
    if (pick([0, 1, 1, 1]) === 1) lines.push('r1 = 0', `*(u16 *)(r10 - ${288 - 22}) = r1`);
    if (pick([0, 1]) === 1 && size > 24) lines.push('r1 = 0', `*(u32 *)(r10 - ${288 - 24}) = r1`);
  };
  const mix = (words: number): void => {
    lines.push('r7 *= 31', 'r7 += r0');
    for (let i = 0; i < words; i++) lines.push('r7 *= 31', `r1 = *(u32 *)(r10 - ${288 - 4 * i})`, 'r7 += r1');
  };
  const call = (id: number, size: number, flags?: number): void => {
    lines.push('r1 = r6', 'r2 = r10', 'r2 += -288', `r3 = ${size}`);
    if (flags !== undefined) lines.push(`r4 = ${flags}`);
    lines.push(`call ${id}`);
  };
  for (let i = 0; i < 5; i++) {
    const size = pick([28, 28, 28, 24, 22, 8, 4, 12, 27]);
    const what = pick(['set', 'set', 'get', 'get', 'setOpt', 'getOpt']);
    buffer(size);
    if (what === 'set') call(21, size, pick([0, 0, 1, 1, 2, 4, 8, 15, 64]));
    else if (what === 'get') call(20, size, pick([0, 0, 1, 1, 2]));
    else if (what === 'setOpt') call(30, pick([4, 8, 32, 3, 252, 256]));
    else call(29, pick([4, 8, 32, 252, 256]));
    mix(what.startsWith('get') ? 8 : 0);
  }
  return `${lines.join('\n')}\nr0 = r7\nexit\n`;
}

/** What programs of these seeds answer. */
export function runTunnels(sys: Sys, seeds: readonly number[]): string[] {
  return seeds.map((seed) => {
    const prog_fd = loadAsm(sys, BPF_PROG_TYPE_SCHED_CLS, programOf(seed));
    try {
      const { err, retval } = testRun(sys, { prog_fd, data_in: FRAME });
      return `${seed}: ${String(err)} ${String(retval)}`;
    } finally {
      sys.close(prog_fd);
    }
  });
}
