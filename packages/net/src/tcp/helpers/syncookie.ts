// SPDX-License-Identifier: MIT
// SYN cookies for a listener that programs answer for.
// @see net/core/filter.c, bpf_tcp_check_syncookie and bpf_tcp_gen_syncookie
import { EINVAL, ENOENT, EPROTONOSUPPORT } from '@tsbpf/uapi';
import { defineHelper, type HelperRow, type KernelServices } from '@tsbpf/core';
import { readField, writeField } from '../../dev/fields.ts';
import { AF_INET, AF_INET6, IPPROTO_TCP } from '../../sock/sock-table.ts';
import { TCP_LISTEN } from '../../sock/sock.ts';
import {
  makeCookie,
  MAX_COOKIE_AGE,
  MSS_V4,
  MSS_V6,
  mssIndex,
  readCookie,
  type CookieEnds,
} from '../syncookie/cookie.ts';
import { syncookiesOf } from '../syncookie/state.ts';

const TCP_HEADER = 20;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16];
/** Seconds that a count lasts. */
const PERIOD_S = 60;
/** Sizes taken where a SYN names none. */
const DEFAULT_MSS_V4 = 536;
const DEFAULT_MSS_V6 = 1220;

/** The fields of a TCP header that matter here. */
class TcpHeader {
  readonly #kernel: KernelServices;
  readonly off: number;
  constructor(kernel: KernelServices, off: number) {
    this.#kernel = kernel;
    this.off = off;
  }
  #be32(at: number): number {
    return this.#kernel.mem.view.getUint32(this.off + at, false);
  }
  get seq(): number {
    return this.#be32(4);
  }
  get ackSeq(): number {
    return this.#be32(8);
  }
  get headerBytes(): number {
    return (this.#kernel.mem.read8(this.off + 12) >>> 4) * 4;
  }
  has(flags: number): boolean {
    return (this.#kernel.mem.read8(this.off + 13) & flags) !== 0;
  }
  ports(): Pick<CookieEnds, 'sport' | 'dport'> {
    const { mem } = this.#kernel;
    return { sport: mem.readBytes(this.off, 2), dport: mem.readBytes(this.off + 2, 2) };
  }
  /** The segment size a SYN names, at most what the listener's user wants; 0 for none. */
  mss(userMss: number): number {
    const options = this.#kernel.mem.readBytes(this.off + TCP_HEADER, this.headerBytes - TCP_HEADER);
    for (let at = 0; at < options.length;) {
      const kind = options[at];
      if (kind === 0) return 0;
      if (kind === 1) {
        at++;
        continue;
      }
      const size = options[at + 1] ?? 0;
      if (size < 2 || at + size > options.length) return 0;
      if (kind === 2 && size === 4) {
        const mss = ((options[at + 2] ?? 0) << 8) | (options[at + 3] ?? 0);
        if (mss !== 0) return userMss !== 0 && userMss < mss ? userMss : mss;
      }
      at += size;
    }
    return 0;
  }
}

function ends(kernel: KernelServices, ip: number, version: 4 | 6, th: TcpHeader): CookieEnds {
  const [bytes, saddr] = version === 4 ? [4, 12] : [16, 8];
  const addr = (at: number): Uint8Array => kernel.mem.readBytes(ip + at, bytes);
  return { saddr: addr(saddr), daddr: addr(saddr + bytes), ...th.ports() };
}

const field = (kernel: KernelServices, sk: number, path: string): number => readField(kernel, sk, path);

function isListener(kernel: KernelServices, sk: number): boolean {
  return (
    field(kernel, sk, 'sock_common.skc_state') === TCP_LISTEN && field(kernel, sk, 'sock.sk_protocol') === IPPROTO_TCP
  );
}

/** The minute, which cookies age by. */
function cookieCount(kernel: KernelServices): number {
  return Number(kernel.env.jiffies() / BigInt(PERIOD_S * kernel.env.hz)) >>> 0;
}

const STAMP = 'tcp_sock.rx_opt.ts_recent_stamp';
const jiffies32 = (kernel: KernelServices): number => Number(kernel.env.jiffies() & 0xffffffffn);
/** Whether 32 bits that wrap around lie between two others. */
const between = (value: number, low: number, high: number): boolean => (value - low) >>> 0 <= (high - low) >>> 0;

/** Whether the listener gave cookies out so recently that one may come back. */
function overflowedLately(kernel: KernelServices, sk: number): boolean {
  const last = field(kernel, sk, STAMP);
  const { hz } = kernel.env;
  return between(jiffies32(kernel), last - hz, last + MAX_COOKIE_AGE * PERIOD_S * hz);
}

function noteOverflow(kernel: KernelServices, sk: number): void {
  const now = jiffies32(kernel);
  const last = field(kernel, sk, STAMP);
  if (!between(now, last, last + kernel.env.hz)) writeField(kernel, sk, STAMP, now);
}

/** 0 for a valid cookie, or -errno. */
function check(kernel: KernelServices, sk: number, ip: number, ipLen: number, tcp: number, tcpLen: number): number {
  if (tcpLen < TCP_HEADER) return -EINVAL;
  if (!isListener(kernel, sk)) return -EINVAL;
  const { mode, secrets } = syncookiesOf(kernel);
  if (mode === 0) return -EINVAL;
  const th = new TcpHeader(kernel, tcp);
  if (!th.has(ACK) || th.has(RST | SYN) || !overflowedLately(kernel, sk)) return -ENOENT;
  const family = field(kernel, sk, 'sock_common.skc_family');
  if (family !== AF_INET && family !== AF_INET6) return -EPROTONOSUPPORT;
  const version = family === AF_INET ? 4 : 6;
  if (ipLen < (version === 4 ? IPV4_HEADER : IPV6_HEADER)) return -EINVAL;
  const what = { cookie: (th.ackSeq - 1) >>> 0, seq: (th.seq - 1) >>> 0, count: cookieCount(kernel) };
  const index = readCookie(secrets, ends(kernel, ip, version, th), what);
  const table = version === 4 ? MSS_V4 : MSS_V6;
  return index >= 0 && index < table.length ? 0 : -ENOENT;
}

/** The segment size that a cookie shall stand for; 0 where the listener gives none out. */
function cookieMss(kernel: KernelServices, sk: number, th: TcpHeader, version: 4 | 6): number {
  const full =
    field(kernel, sk, 'tcp_sock.inet_conn.icsk_accept_queue.qlen') >= field(kernel, sk, 'sock.sk_max_ack_backlog');
  if (syncookiesOf(kernel).mode !== 2 && !full) return 0;
  if (field(kernel, sk, 'sock.sk_ack_backlog') > field(kernel, sk, 'sock.sk_max_ack_backlog')) return 0;
  const named = th.mss(field(kernel, sk, 'tcp_sock.rx_opt.user_mss'));
  return named !== 0 ? named : version === 4 ? DEFAULT_MSS_V4 : DEFAULT_MSS_V6;
}

/** The cookie and its segment size, or -errno. */
function generate(
  kernel: KernelServices,
  sk: number,
  ip: number,
  ipLen: number,
  tcp: number,
  tcpLen: number,
): { cookie: number; mss: number } | number {
  const th = new TcpHeader(kernel, tcp);
  if (tcpLen < TCP_HEADER || tcpLen !== th.headerBytes) return -EINVAL;
  if (!isListener(kernel, sk)) return -EINVAL;
  const { mode, secrets } = syncookiesOf(kernel);
  if (mode === 0) return -ENOENT;
  if (!th.has(SYN) || th.has(ACK | FIN | RST) || ipLen < IPV4_HEADER) return -EINVAL;
  const version = kernel.mem.read8(ip) >>> 4;
  const family = field(kernel, sk, 'sock_common.skc_family');
  if (version === 4) {
    if (family === AF_INET6 && field(kernel, sk, 'sock_common.skc_ipv6only') !== 0) return -EINVAL;
  } else if (version === 6) {
    if (ipLen < IPV6_HEADER || family !== AF_INET6) return -EINVAL;
  } else return -EPROTONOSUPPORT;
  const wanted = cookieMss(kernel, sk, th, version);
  if (wanted === 0) return -ENOENT;
  const table = version === 4 ? MSS_V4 : MSS_V6;
  const data = mssIndex(table, wanted);
  const cookie = makeCookie(secrets, ends(kernel, ip, version, th), {
    seq: th.seq,
    count: cookieCount(kernel),
    data,
  });
  noteOverflow(kernel, sk);
  return { cookie, mss: table[data] };
}

/** Helpers that make and check SYN cookies. */
export const tcpSyncookieHelpers: readonly HelperRow[] = [
  defineHelper('bpf_tcp_check_syncookie', {
    retWidth: 'sext',
    call: ({ kernel }, sk, ip, ipLen, tcp, tcpLen) =>
      sk === 0 ? -EINVAL : check(kernel, sk >>> 0, ip >>> 0, ipLen >>> 0, tcp >>> 0, tcpLen >>> 0),
  }),
  defineHelper('bpf_tcp_gen_syncookie', {
    retWidth: 'words',
    call(call, sk, ip, ipLen, tcp, tcpLen) {
      const { kernel } = call;
      const made = sk === 0 ? -EINVAL : generate(kernel, sk >>> 0, ip >>> 0, ipLen >>> 0, tcp >>> 0, tcpLen >>> 0);
      call.retHi = typeof made === 'number' ? -1 : made.mss;
      return typeof made === 'number' ? made : made.cookie | 0;
    },
  }),
];
