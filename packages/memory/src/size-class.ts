// SPDX-License-Identifier: MIT
import { PAGE_BYTES } from './page-runs.ts';

/** Slot sizes of the slabs, in bytes, ascending: at most a quarter of a slot is lost above 32 bytes. */
export const SIZE_CLASSES: readonly number[] = [
  8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280,
  1536, 1792, 2048, 2560, 3072, 4096,
];

/** The largest allocation that comes from a slab; larger ones take whole pages. */
export const MAX_SMALL_BYTES = 4096;

const CLASS_OF_WORDS: Uint8Array = buildTable();

/** Index of the smallest class that holds `lenBytes` with every slot aligned, or -1 where pages serve it. */
export function sizeClassOf(lenBytes: number, align: number): number {
  if (lenBytes > MAX_SMALL_BYTES || align > PAGE_BYTES) return -1;
  let cls = CLASS_OF_WORDS[(lenBytes + 7) >>> 3];
  while (SIZE_CLASSES[cls] % align !== 0) cls++;
  return cls;
}

/** Pages of one slab: small enough to waste little, large enough to amortise. */
export function slabPages(slotBytes: number): number {
  return slotBytes <= 512 ? 4 : 8;
}

function buildTable(): Uint8Array {
  const table = new Uint8Array(MAX_SMALL_BYTES / 8 + 1);
  let cls = 0;
  for (let words = 0; words < table.length; words++) {
    while (SIZE_CLASSES[cls] < words * 8) cls++;
    table[words] = cls;
  }
  return table;
}
