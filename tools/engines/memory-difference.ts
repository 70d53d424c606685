// SPDX-License-Identifier: MIT
import type { BpfMap } from '../../packages/core/src/index.ts';
import type { KernelState } from '../../packages/kernel/src/index.ts';
import { HtabMap } from '../../packages/maps/src/index.ts';

/** What belongs to engines: stacks keep the bytes of runs, each engine's at a place of its own. */
const OWN_TO_ENGINES: ReadonlySet<string> = new Set(['stack', 'jit']);

/** Where live memory, engines' own apart, is not what it was in a copy; undefined where it is. */
export function memoryDifference(state: KernelState, before: Uint8Array): string | undefined {
  const { mem } = state;
  const now = mem.u8;
  let off = -1;
  while ((off = nextDifference(mem.i32, before, off + 1)) < before.length) {
    const region = mem.regionOf(off);
    if (region === undefined) continue;
    const end = OWN_TO_ENGINES.has(region.kind) ? region.off + region.lenBytes : endOfScratch(state, region.off, off);
    if (end === off) {
      const at = `${region.kind} ${region.name ?? ''} at 0x${region.off.toString(16)}, byte ${off - region.off}`;
      return `${at}: ${before[off]} and ${now[off]}`;
    }
    off = end - 1;
  }
  return undefined;
}

/** The first byte from `from` on that differs; the length where there is none. */
function nextDifference(words: Int32Array, before: Uint8Array, from: number): number {
  const now = new Uint8Array(words.buffer, 0, before.length);
  const wordsBefore = new Int32Array(before.buffer, before.byteOffset, before.length >>> 2);
  let off = from;
  for (; (off & 3) !== 0; off++) if (now[off] !== before[off]) return off;
  let word = off >>> 2;
  while (word < wordsBefore.length && words[word] === wordsBefore[word]) word++;
  for (off = word * 4; off < before.length; off++) if (now[off] !== before[off]) return off;
  return before.length;
}

/** Where the scratch room of a hash table ends, if the offset is in it; else the offset. */
function endOfScratch(state: KernelState, mapOff: number, off: number): number {
  const map = state.objects.get<BpfMap>(mapOff, 'map');
  if (!(map instanceof HtabMap)) return off;
  const { scratch } = map;
  const end = scratch.off + scratch.lenBytes;
  return off >= scratch.off && off < end ? end : off;
}
