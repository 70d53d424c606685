// SPDX-License-Identifier: MIT
// Little-endian bytes for tests.

/** 32-bit words. */
export function words(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, i) => view.setUint32(i * 4, value, true));
  return new Uint8Array(view.buffer);
}

/** One 32-bit word. */
export function u32(value: number): Uint8Array {
  return words(value);
}

/** One 64-bit word. */
export function u64(value: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value, true);
  return new Uint8Array(view.buffer);
}
