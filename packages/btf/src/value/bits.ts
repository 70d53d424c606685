// SPDX-License-Identifier: MIT

/** Where an integer lies: bits from the start of the bytes, counted as BTF counts them for the byte order. */
export interface BitPlace {
  readonly bitOff: number;
  readonly bits: number;
  readonly littleEndian: boolean;
}

/** Reads an unsigned integer of any width. The bytes must reach far enough. */
export function readBits(bytes: Uint8Array, place: BitPlace): bigint {
  const { bitOff, bits, littleEndian } = place;
  const first = Math.floor(bitOff / 8);
  const last = Math.ceil((bitOff + bits) / 8);
  let value = 0n;
  if (littleEndian) for (let i = last - 1; i >= first; i--) value = (value << 8n) | BigInt(bytes[i]);
  else for (let i = first; i < last; i++) value = (value << 8n) | BigInt(bytes[i]);
  const shift = littleEndian ? bitOff % 8 : last * 8 - bitOff - bits;
  return BigInt.asUintN(bits, value >> BigInt(shift));
}

/** Writes the low `bits` bits of a value, leaving the bits around them. */
export function writeBits(bytes: Uint8Array, place: BitPlace, value: bigint): void {
  const { bitOff, bits, littleEndian } = place;
  const first = Math.floor(bitOff / 8);
  const last = Math.ceil((bitOff + bits) / 8);
  const shift = BigInt(littleEndian ? bitOff % 8 : last * 8 - bitOff - bits);
  const mask = ((1n << BigInt(bits)) - 1n) << shift;
  const placed = BigInt.asUintN(bits, value) << shift;
  for (let i = first; i < last; i++) {
    const at = BigInt(8 * (littleEndian ? i - first : last - 1 - i));
    const keep = Number((mask >> at) & 0xffn) ^ 0xff;
    bytes[i] = (bytes[i] & keep) | Number((placed >> at) & 0xffn);
  }
}
