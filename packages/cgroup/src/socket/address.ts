// SPDX-License-Identifier: MIT
// `struct sockaddr_in` and `sockaddr_in6` as bytes. @see include/uapi/linux/in.h, in6.h
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '@tsbpf/capture';

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;
/** An IPv6 address may come without its scope. */
export const SIN6_LEN_RFC2133 = 24;

/** An address and port as people write them: `10.0.0.1` and 80, `::1` and 80. */
export interface SocketAddress {
  readonly ip: string;
  readonly port: number;
}

/** `::ffff:a.b.c.d`. */
export const isV4Mapped = (ip: Uint8Array): boolean =>
  ip.length === 16 && ip.subarray(0, 10).every((byte) => byte === 0) && ip[10] === 0xff && ip[11] === 0xff;

export function v4Mapped(ip: Uint8Array): Uint8Array {
  return Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ip]);
}

/** 4 or 16 bytes. */
export function parseIp(ip: string): Uint8Array {
  return ip.includes(':') ? parseIpv6(ip) : parseIpv4(ip);
}

export function formatIp(ip: Uint8Array): string {
  return ip.length === 4 ? formatIpv4(ip) : formatIpv6(ip);
}

/** The structure a program would fill in; bytes pass as they are. */
export function encodeAddress(address: SocketAddress | Uint8Array): Uint8Array {
  if (address instanceof Uint8Array) return address;
  const ip = parseIp(address.ip);
  const out = new Uint8Array(ip.length === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  const view = new DataView(out.buffer);
  view.setUint16(0, ip.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, address.port);
  out.set(ip, ip.length === 4 ? 4 : 8);
  return out;
}

export interface RawAddress {
  readonly family: number;
  /** 4 or 16 bytes, by the family; 4 for families that are neither. */
  readonly ip: Uint8Array;
  /** Host byte order. */
  readonly port: number;
}

/** Reads a structure; missing bytes are zero. */
export function decodeAddress(bytes: Uint8Array): RawAddress {
  const whole = new Uint8Array(SOCKADDR_IN6_BYTES);
  whole.set(bytes.subarray(0, SOCKADDR_IN6_BYTES));
  const view = new DataView(whole.buffer);
  const family = view.getUint16(0, true);
  return { family, port: view.getUint16(2), ip: family === AF_INET6 ? whole.slice(8, 24) : whole.slice(4, 8) };
}

export function describeAddress({ ip, port }: RawAddress): SocketAddress {
  return { ip: formatIp(ip), port };
}

export const isAny = (ip: Uint8Array): boolean => ip.every((byte) => byte === 0);
