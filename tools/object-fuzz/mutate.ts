// SPDX-License-Identifier: MIT
// Changes an object where it hurts: headers, symbols, relocations, words of types; and anywhere.
import type { Random } from './random.ts';

/** Numbers at the edges of what fields hold. */
const EDGES: readonly number[] = [
  0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 63, 64, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0xfffff, 0x3fffffff, 0x7fffffff,
  0x80000000, 0xfffffff8, 0xffffffff,
];

interface Range {
  readonly off: number;
  readonly size: number;
}

interface Layout {
  readonly headers: Range;
  /** Sections with contents, by name. */
  readonly sections: ReadonlyMap<string, Range>;
}

/** Where things are in a sound object. */
function layoutOf(bytes: Uint8Array): Layout {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const le = bytes[5] === 1;
  const shoff = Number(view.getBigUint64(40, le));
  const count = view.getUint16(60, le);
  const strHeader = shoff + 64 * view.getUint16(62, le);
  const strOff = Number(view.getBigUint64(strHeader + 24, le));
  const sections = new Map<string, Range>();
  for (let i = 1; i < count; i++) {
    const at = shoff + 64 * i;
    if (view.getUint32(at + 4, le) === 8) continue;
    const start = strOff + view.getUint32(at, le);
    const name = new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
    const size = Number(view.getBigUint64(at + 32, le));
    if (size > 0) sections.set(name, { off: Number(view.getBigUint64(at + 24, le)), size });
  }
  return { headers: { off: shoff, size: 64 * count }, sections };
}

function changeWord(bytes: Uint8Array, at: number, random: Random): void {
  if (at < 0 || at + 4 > bytes.length) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const le = bytes[5] === 1;
  const old = view.getUint32(at, le);
  switch (random.below(8)) {
    case 0:
      view.setUint32(at, random.u32(), le);
      break;
    case 1:
      view.setUint32(at, random.pick(EDGES), le);
      break;
    case 2:
      view.setUint32(at, old + 1, le);
      break;
    case 3:
      view.setUint32(at, old - 1, le);
      break;
    case 4:
      view.setUint32(at, old ^ (1 << random.below(32)), le);
      break;
    case 5:
      bytes[at + random.below(4)] = random.below(256);
      break;
    case 6:
      view.setUint32(at, random.below(40), le);
      break;
    default:
      // The top byte of a type's info: its kind.
      bytes[at + (le ? 3 : 0)] = (bytes[at + (le ? 3 : 0)] & 0x80) | random.below(21);
  }
}

const wordIn = (range: Range, random: Random): number => range.off + 4 * random.below(Math.max(1, range.size >>> 2));

/** Sections that the rest depends on are changed more often. */
const FAVOURITES = ['.BTF', '.BTF', '.BTF.ext', '.symtab', '.maps', '.strtab', '.rel', '.struct_ops'];

function change(bytes: Uint8Array, layout: Layout, random: Random): void {
  const choice = random.below(12);
  if (choice === 0) {
    changeWord(bytes, 4 * random.below(16), random);
  } else if (choice <= 2) {
    changeWord(bytes, wordIn(layout.headers, random), random);
  } else if (choice <= 8) {
    const wanted = random.pick(FAVOURITES);
    const found = [...layout.sections].filter(([name]) => name.startsWith(wanted)).map(([, range]) => range);
    if (found.length > 0) changeWord(bytes, wordIn(random.pick(found), random), random);
  } else if (choice === 9) {
    bytes[random.below(bytes.length)] ^= 1 << random.below(8);
  } else if (choice === 10) {
    // A stretch of one place in another.
    const len = 1 + random.below(64);
    const [from, to] = [random.below(bytes.length), random.below(bytes.length)];
    bytes.copyWithin(to, from, Math.min(from + len, bytes.length));
  } else {
    changeWord(bytes, 4 * random.below(bytes.length >>> 2), random);
  }
}

/** A changed copy. */
export function mutate(seed: Uint8Array, random: Random): Uint8Array {
  const bytes = seed.slice();
  const layout = layoutOf(seed);
  const count = 1 + random.below(random.below(4) === 0 ? 16 : 3);
  for (let i = 0; i < count; i++) change(bytes, layout, random);
  return random.below(40) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}
