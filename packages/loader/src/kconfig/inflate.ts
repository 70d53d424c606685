// SPDX-License-Identifier: MIT
// Just enough of gzip for /proc/config.gz. @see RFC 1951, RFC 1952
import { EINVAL, LoaderError } from '@tsbpf/uapi';

const bad = (what: string): never => {
  throw new LoaderError(`kconfig: ${what}`, { errno: EINVAL });
};

/** Code lengths as counts per length and symbols by code. */
interface Huffman {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

function huffman(lengths: ArrayLike<number>): Huffman {
  const counts = new Uint16Array(16);
  for (let i = 0; i < lengths.length; i++) counts[lengths[i]]++;
  const offsets = new Uint16Array(16);
  for (let len = 1; len < 15; len++) offsets[len + 1] = offsets[len] + counts[len];
  const symbols = new Uint16Array(lengths.length);
  for (let i = 0; i < lengths.length; i++) if (lengths[i] !== 0) symbols[offsets[lengths[i]]++] = i;
  counts[0] = 0;
  return { counts, symbols };
}

class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #bit = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      if (this.#at >= this.#bytes.length) bad('compressed data is cut off');
      value |= ((this.#bytes[this.#at] >> this.#bit) & 1) << i;
      if (++this.#bit === 8) {
        this.#bit = 0;
        this.#at++;
      }
    }
    return value;
  }

  symbol({ counts, symbols }: Huffman): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let len = 1; len <= 15; len++) {
      code |= this.bits(1);
      const count = counts[len];
      if (code - count < first) return symbols[index + (code - first)];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return bad('bad code in compressed data');
  }

  /** The bytes of a stored block. */
  stored(): Uint8Array {
    if (this.#bit !== 0) {
      this.#bit = 0;
      this.#at++;
    }
    const len = this.bits(16);
    this.bits(16);
    if (this.#at + len > this.#bytes.length) bad('compressed data is cut off');
    this.#at += len;
    return this.#bytes.subarray(this.#at - len, this.#at);
  }
}

/** Base and extra bits of length codes 257 to 285 and of distance codes 0 to 29. */
function ladder(first: number, count: number, perStep: number): { base: number; extra: number }[] {
  const rows: { base: number; extra: number }[] = [];
  let base = first;
  for (let i = 0; i < count; i++) {
    const extra = i < 2 * perStep ? 0 : Math.floor(i / perStep) - 1;
    rows.push({ base, extra });
    base += 1 << extra;
  }
  return rows;
}

const LENGTHS: readonly { base: number; extra: number }[] = [...ladder(3, 28, 4), { base: 258, extra: 0 }];
const DISTANCES: readonly { base: number; extra: number }[] = ladder(1, 30, 2);
const LENGTH_ORDER: readonly number[] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const FIXED_LITERALS: readonly number[] = Array.from({ length: 288 }, (_, i) =>
  i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8,
);

function dynamicTables(reader: BitReader): [Huffman, Huffman] {
  const literals = reader.bits(5) + 257;
  const distances = reader.bits(5) + 1;
  const codes = reader.bits(4) + 4;
  const codeLengths = new Uint8Array(19);
  for (let i = 0; i < codes; i++) codeLengths[LENGTH_ORDER[i]] = reader.bits(3);
  const codeTable = huffman(codeLengths);
  const lengths: number[] = [];
  while (lengths.length < literals + distances) {
    const sym = reader.symbol(codeTable);
    if (sym < 16) lengths.push(sym);
    else {
      const [value, count] =
        sym === 16
          ? [lengths.at(-1) ?? bad('bad lengths in compressed data'), reader.bits(2) + 3]
          : [0, sym === 17 ? reader.bits(3) + 3 : reader.bits(7) + 11];
      for (let i = 0; i < count; i++) lengths.push(value);
    }
  }
  return [huffman(lengths.slice(0, literals)), huffman(lengths.slice(literals, literals + distances))];
}

function inflate(reader: BitReader): Uint8Array {
  const out: number[] = [];
  for (let last = false; !last;) {
    last = reader.bits(1) === 1;
    const type = reader.bits(2);
    if (type === 3) bad('bad block in compressed data');
    if (type === 0) {
      for (const byte of reader.stored()) out.push(byte);
      continue;
    }
    const [literals, distances] =
      type === 1 ? [huffman(FIXED_LITERALS), huffman(new Array<number>(30).fill(5))] : dynamicTables(reader);
    for (let sym = reader.symbol(literals); sym !== 256; sym = reader.symbol(literals)) {
      if (sym < 256) {
        out.push(sym);
        continue;
      }
      const length = LENGTHS[sym - 257] ?? bad('bad length in compressed data');
      const count = length.base + reader.bits(length.extra);
      const distance = DISTANCES[reader.symbol(distances)] ?? bad('bad distance in compressed data');
      const from = out.length - distance.base - reader.bits(distance.extra);
      if (from < 0) bad('bad distance in compressed data');
      for (let i = 0; i < count; i++) out.push(out[from + i]);
    }
  }
  return new Uint8Array(out);
}

/** The text of a file that may be gzipped. @errno EINVAL (LoaderError) malformed */
export function gunzipText(bytes: Uint8Array): string {
  const utf8 = new TextDecoder();
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return utf8.decode(bytes);
  const flags = bytes[3];
  let at = 10;
  if ((flags & 4) !== 0) at += 2 + bytes[at] + (bytes[at + 1] << 8);
  for (const bit of [8, 16]) {
    if ((flags & bit) === 0) continue;
    const end = bytes.indexOf(0, at);
    at = end < 0 ? bytes.length : end + 1;
  }
  if ((flags & 2) !== 0) at += 2;
  return utf8.decode(inflate(new BitReader(bytes, at)));
}
