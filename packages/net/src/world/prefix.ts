// SPDX-License-Identifier: MIT
// Addresses and prefixes of either family, as bytes.
import { EINVAL, UsageError } from '@tsbpf/uapi';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '@tsbpf/capture';

/** AF_INET and AF_INET6. */
export type Family = 2 | 10;
export const INET: Family = 2;
export const INET6: Family = 10;

/** An address, and how many of its first bits count. */
export interface Prefix {
  readonly family: Family;
  /** 4 or 16 bytes. */
  readonly ip: Uint8Array;
  readonly bits: number;
}

export const familyOf = (ip: Uint8Array): Family => (ip.length === 4 ? INET : INET6);

/** 4 or 16 bytes of `10.0.0.1`, `2001:db8::1`. */
export function parseAddress(text: string): Uint8Array {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

export function formatAddress(ip: Uint8Array): string {
  return ip.length === 4 ? formatIpv4(ip) : formatIpv6(ip);
}

/**
 * `10.0.0.0/8`, `2001:db8::/32`, a single address, or `default` (of IPv4; `default6` of IPv6).
 * @errno EINVAL UsageError: not one of these, or bits are set behind the prefix
 */
export function parsePrefix(text: string): Prefix {
  if (text === 'default') return { family: INET, ip: new Uint8Array(4), bits: 0 };
  if (text === 'default6') return { family: INET6, ip: new Uint8Array(16), bits: 0 };
  const [address = '', length] = text.split('/');
  const ip = parseAddress(address);
  const bits = length === undefined ? ip.length * 8 : Number(length);
  if (!Number.isInteger(bits) || bits < 0 || bits > ip.length * 8) {
    throw new UsageError(`${text}: a prefix length is 0 to ${ip.length * 8}`, { errno: EINVAL });
  }
  if (!sameBits(ip, masked(ip, bits), ip.length * 8)) {
    throw new UsageError(`${text}: bits are set behind the first ${bits}`, { errno: EINVAL });
  }
  return { family: familyOf(ip), ip, bits };
}

/** The first bits of an address, and zeroes. */
export function masked(ip: Uint8Array, bits: number): Uint8Array {
  return ip.map((byte, i) => byte & (0xff00 >> Math.max(0, Math.min(8, bits - i * 8))) & 0xff);
}

function sameBits(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const [left, right] = [masked(a, bits), masked(b, bits)];
  return left.every((byte, i) => byte === right[i]);
}

/** Whether an address lies in a prefix. */
export function matches({ ip, bits }: Prefix, address: Uint8Array): boolean {
  return ip.length === address.length && sameBits(ip, address, bits);
}

export const sameAddress = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
