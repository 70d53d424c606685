// SPDX-License-Identifier: MIT
// Addresses and ports as the network has them.

/** Bytes of `10.0.0.1`. */
export const ipv4 = (text: string): Uint8Array => Uint8Array.from(text.split('.'), Number);

/** The number that programs find in memory for `10.0.0.1`: its bytes as they lie there. */
export const ipv4Word = (text: string): number => new DataView(ipv4(text).buffer).getUint32(0, true);

export const ipv4Text = (bytes: Uint8Array): string => bytes.subarray(0, 4).join('.');

/** A port between host and network order. */
export const swapPort = (port: number): number => ((port & 0xff) << 8) | (port >> 8);
