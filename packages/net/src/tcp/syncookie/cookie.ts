// SPDX-License-Identifier: MIT
// Cookies in the place of initial sequence numbers. @see net/ipv4/syncookies.c
import { siphash } from './siphash.ts';

/** The ends of a connection as its packets have them; network order. */
export interface CookieEnds {
  /** Four bytes, or 16. */
  readonly saddr: Uint8Array;
  readonly daddr: Uint8Array;
  /** Two bytes. */
  readonly sport: Uint8Array;
  readonly dport: Uint8Array;
}

const COUNT_SHIFT = 24;
const DATA_MASK = 0xffffff;
/** Counts that a cookie is good for. */
export const MAX_COOKIE_AGE = 2;

/** Segment sizes that a cookie can stand for, IPv4 and IPv6. */
export const MSS_V4: readonly number[] = [536, 1300, 1440, 1460];
export const MSS_V6: readonly number[] = [1220, 1420, 1440, 8940];

function hash(key: Uint8Array, ends: CookieEnds, count: number): number {
  const { saddr, daddr, sport, dport } = ends;
  const word = Uint8Array.of(count & 0xff, (count >>> 8) & 0xff, (count >>> 16) & 0xff, count >>> 24);
  // In the order in which the kernel lays them out: with IPv4 the ports are one word, the source's in its upper half.
  const rest = saddr.length === 4 ? [...dport, ...sport, ...word] : [...word, ...sport, ...dport];
  return Number(siphash(key, Uint8Array.from([...saddr, ...daddr, ...rest])) & 0xffffffffn);
}

/** The cookie for a SYN: `seq` its sequence number, `count` the minute, `data` what it shall carry. */
export function makeCookie(
  secrets: readonly [Uint8Array, Uint8Array],
  ends: CookieEnds,
  { seq, count, data }: { seq: number; count: number; data: number },
): number {
  const low = (hash(secrets[1], ends, count) + data) & DATA_MASK;
  return (hash(secrets[0], ends, 0) + seq + ((count << COUNT_SHIFT) >>> 0) + low) >>> 0;
}

/** What a cookie carries; -1 where it is too old, and anything where it is none. */
export function readCookie(
  secrets: readonly [Uint8Array, Uint8Array],
  ends: CookieEnds,
  { cookie, seq, count }: { cookie: number; seq: number; count: number },
): number {
  const bare = (cookie - hash(secrets[0], ends, 0) - seq) >>> 0;
  const age = (count - (bare >>> COUNT_SHIFT)) & (0xffffffff >>> COUNT_SHIFT);
  if (age >= MAX_COOKIE_AGE) return -1;
  return (bare - hash(secrets[1], ends, (count - age) >>> 0)) & DATA_MASK;
}

/** The index of the largest size in a table that is not above `mss`; the smallest where all are. */
export function mssIndex(table: readonly number[], mss: number): number {
  return Math.max(
    0,
    table.findLastIndex((size) => size <= mss),
  );
}
