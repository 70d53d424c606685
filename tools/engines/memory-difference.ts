// SPDX-License-Identifier: MIT
import { isDeepStrictEqual } from 'node:util';
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
  while ((off = nextDifference(now, before, off + 1)) < before.length) {
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

/** Bytes that are compared at once, by the machine's fastest means, before anybody looks at words. */
const CHUNK = 1 << 16;

/** The first byte from `from` on that differs; the length where there is none. */
function nextDifference(now: Uint8Array, before: Uint8Array, from: number): number {
  const { length } = before;
  for (let start = from; start < length; start += CHUNK) {
    const end = Math.min(start + CHUNK, length);
    if (isDeepStrictEqual(now.subarray(start, end), before.subarray(start, end))) continue;
    let off = start;
    while (now[off] === before[off]) off++;
    return off;
  }
  return length;
}

/** Where the scratch room of a hash table ends, if the offset is in it; else the offset. */
function endOfScratch(state: KernelState, mapOff: number, off: number): number {
  const map = state.objects.get<BpfMap>(mapOff, 'map');
  if (!(map instanceof HtabMap)) return off;
  const { scratch } = map;
  const end = scratch.off + scratch.lenBytes;
  return off >= scratch.off && off < end ? end : off;
}
