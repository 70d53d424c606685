// SPDX-License-Identifier: MIT
// Socket options that sock_ops programs set and read: a list of their own, shorter than setsockopt(2)'s, with one errno
// for everything they do not have. @see net/core/filter.c, bpf_setsockopt and bpf_getsockopt
import { EINVAL, ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import { defineHelper, type HelperRow, type KernelServices } from '@tsbpf/core';
import { congestionOf, isFullSock, readField, readPointer, writeField } from '@tsbpf/net';
import { cgroupsOf } from '../cgroups.ts';
import { Context } from '../run/context.ts';
import { AF_INET, AF_INET6 } from '../socket/address.ts';
import { IPPROTO_TCP, SOCK_STREAM } from '../socket/kinds.ts';
import { SOCK_MIN_RCVBUF, SOCK_MIN_SNDBUF, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP } from '../sockopt/options.ts';

const INT_BYTES = 4;
const INT_MAX = 0x7fffffff;
const TCP_CONGESTION = 13;
const TCP_SAVED_SYN = 28;
const TCP_CA_NAME_MAX = 16;
/** Programs asked after this event (the connection is there) start another congestion control at once. */
const NEEDS_ECN = 6;
/** @see include/net/sock.h */
const SOCK_SNDBUF_LOCK = 1;
const SOCK_RCVBUF_LOCK = 2;
const SK_PACING_NEEDED = 1;

/** What a call is about. */
interface Target {
  readonly kernel: KernelServices;
  readonly sk: number;
  /** The event the program was told of. */
  readonly op: number;
}

type Set = (target: Target, value: number) => number;

const put = ({ kernel, sk }: Target, path: string, value: number): void => writeField(kernel, sk, path, value);
const get = ({ kernel, sk }: Target, path: string): number => readField(kernel, sk, path);
const member =
  (path: string, accepts: (value: number) => boolean = () => true): Set =>
  (target, value) => {
    if (!accepts(value)) return -EINVAL;
    put(target, path, value);
    return 0;
  };

/** As much as a sysctl allows, doubled, and never less than a minimum; the kernel will not tune it any more. */
function buffer(path: string, rules: { readonly sysctl: string; readonly min: number; readonly lock: number }): Set {
  return (target, value) => {
    const { value: limit } = cgroupsOf(target.kernel).sysctls.get(rules.sysctl);
    const granted = Math.min(value >>> 0, Number(typeof limit === 'string' ? 0 : (limit[0] ?? 0)));
    put(target, 'sock.sk_userlocks', get(target, 'sock.sk_userlocks') | rules.lock);
    put(target, path, Math.max((granted * 2) | 0, rules.min));
    return 0;
  };
}

/** A rate of all ones is none; other rates below zero are huge ones. */
const maxPacingRate: Set = ({ kernel, sk }, value) => {
  const at = (path: string): number => sk + kernel.types.resolve(path).off;
  const rate = BigInt.asUintN(64, BigInt(value));
  if (value !== -1 && readField(kernel, sk, 'sock.sk_pacing_status') === 0) {
    writeField(kernel, sk, 'sock.sk_pacing_status', SK_PACING_NEEDED);
  }
  kernel.mem.write64(at('sock.sk_max_pacing_rate'), rate);
  const current = kernel.mem.read64(at('sock.sk_pacing_rate'));
  if (current > rate) kernel.mem.write64(at('sock.sk_pacing_rate'), rate);
  return 0;
};

/** Where an IPv6 socket's traffic class lies; 0 for a socket that was made without its IPv6 part. */
function trafficClassAt({ kernel, sk }: Target): number {
  const part = readPointer(kernel.mem, sk + kernel.types.resolve('inet_sock.pinet6').off);
  return part === 0 ? 0 : part + kernel.types.resolve('ipv6_pinfo.tclass').off;
}

const isByte = (value: number): boolean => value >= -1 && value <= 0xff;

const SOCKET_OPTIONS: Readonly<Record<number, Set>> = {
  7: buffer('sock.sk_sndbuf', { sysctl: 'net/core/wmem_max', min: SOCK_MIN_SNDBUF, lock: SOCK_SNDBUF_LOCK }),
  8: buffer('sock.sk_rcvbuf', { sysctl: 'net/core/rmem_max', min: SOCK_MIN_RCVBUF, lock: SOCK_RCVBUF_LOCK }),
  12: member('sock.sk_priority'),
  // SO_RCVLOWAT: less than none is as much as possible, none is one byte.
  18: (target, value) => member('sock.sk_rcvlowat')(target, value < 0 ? INT_MAX : value || 1),
  36: member('sock.sk_mark'),
  47: maxPacingRate,
};

const IP_OPTIONS: Readonly<Record<number, Set>> = {
  1: (target, value) => member('inet_sock.tos', isByte)(target, value === -1 ? 0 : value),
};

const IPV6_OPTIONS: Readonly<Record<number, Set>> = {
  67: (target, value) => {
    if (!isByte(value)) return -EINVAL;
    const at = trafficClassAt(target);
    if (at === 0) {
      throw new NotSupportedError('IPV6_TCLASS of a socket that has no ipv6_pinfo', {
        errno: ENOSYS,
        feature: 'IPV6_TCLASS',
      });
    }
    target.kernel.mem.write8(at, value === -1 ? 0 : value);
    return 0;
  },
};

const TCP_OPTIONS: Readonly<Record<number, Set>> = {
  // TCP_BPF_IW: only before data was sent.
  1001: (target, value) => {
    const sent = get(target, 'tcp_sock.data_segs_out');
    if (value <= 0 || sent > get(target, 'tcp_sock.syn_data')) return -EINVAL;
    put(target, 'tcp_sock.snd_cwnd', value);
    return 0;
  },
  // TCP_BPF_SNDCWND_CLAMP
  1002: (target, value) => {
    if (value <= 0) return -EINVAL;
    put(target, 'tcp_sock.snd_cwnd_clamp', value);
    put(target, 'tcp_sock.snd_ssthresh', value);
    return 0;
  },
  // TCP_SAVE_SYN
  27: member('tcp_sock.save_syn', (value) => value === 0 || value === 1),
};

const isTcp = (target: Target): boolean =>
  get(target, 'sock.sk_protocol') === IPPROTO_TCP && get(target, 'sock.sk_type') === SOCK_STREAM;
const family = (target: Target): number => get(target, 'sock_common.skc_family');

/** The options of 4 bytes a socket has at a level. */
function intOptions(target: Target, level: number): Readonly<Record<number, Set>> | undefined {
  if (level === SOL_SOCKET) return SOCKET_OPTIONS;
  if (level === SOL_IP && family(target) === AF_INET) return IP_OPTIONS;
  if (level === SOL_IPV6 && family(target) === AF_INET6) return IPV6_OPTIONS;
  return level === SOL_TCP && isTcp(target) ? TCP_OPTIONS : undefined;
}

const text = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0);
  return new TextDecoder('latin1').decode(end < 0 ? bytes : bytes.subarray(0, end));
};

function setOption(target: Target, option: { level: number; optname: number; at: number; len: number }): number {
  const { level, optname, at, len } = option;
  const { kernel, sk, op } = target;
  if (level === SOL_TCP && optname === TCP_CONGESTION && isTcp(target)) {
    const name = text(kernel.mem.readBytes(at, Math.min(len, TCP_CA_NAME_MAX - 1)));
    const change = { load: false, reinit: op > NEEDS_ECN, privileged: true };
    return congestionOf(kernel).controls.set(sk, name, change);
  }
  const set = intOptions(target, level)?.[optname];
  return set === undefined || len !== INT_BYTES ? -EINVAL : set(target, kernel.mem.readS32(at));
}

/** The bytes an option is answered with; undefined for an option, or a length, that is none. */
function readOption(target: Target, option: { level: number; optname: number; len: number }): Uint8Array | undefined {
  const { level, optname, len } = option;
  const { kernel, sk } = target;
  const int = (value: number): Uint8Array => Uint8Array.of(value, 0, 0, 0);
  if (level === SOL_TCP && isTcp(target)) {
    if (optname === TCP_CONGESTION && len > 1) {
      const out = new Uint8Array(len);
      new TextEncoder().encodeInto(congestionOf(kernel).controls.nameOf(sk), out.subarray(0, len - 1));
      return out;
    }
    const field = kernel.types.tryResolve('tcp_sock.saved_syn');
    const saved = field === undefined ? 0 : readPointer(kernel.mem, sk + field.off);
    if (optname !== TCP_SAVED_SYN || len === 0 || saved === 0 || len > kernel.mem.read32(saved)) return undefined;
    return kernel.mem.readBytes(saved + INT_BYTES, len);
  }
  if (len !== INT_BYTES) return undefined;
  if (level === SOL_IP && optname === 1 && family(target) === AF_INET) return int(get(target, 'inet_sock.tos'));
  if (level !== SOL_IPV6 || optname !== 67 || family(target) !== AF_INET6) return undefined;
  const at = trafficClassAt(target);
  return int(at === 0 ? 0 : kernel.mem.read8(at));
}

function targetOf(kernel: KernelServices, ctxOff: number): Target | undefined {
  const ctx = new Context(kernel, 'bpf_sock_ops_kern', ctxOff);
  const sk = ctx.pointer('sk');
  return isFullSock(kernel, sk) ? { kernel, sk, op: ctx.word('op') } : undefined;
}

/** bpf_setsockopt and bpf_getsockopt, which in v5.6 are for sock_ops programs only. */
export const sockoptHelpers: readonly HelperRow[] = [
  defineHelper('bpf_setsockopt', {
    retWidth: 'sext',
    call({ kernel }, ctx, level, optname, optval, optlen) {
      const target = targetOf(kernel, ctx >>> 0);
      if (target === undefined) return -EINVAL;
      return setOption(target, { level, optname, at: optval >>> 0, len: optlen >>> 0 });
    },
  }),
  defineHelper('bpf_getsockopt', {
    retWidth: 'sext',
    call({ kernel }, ctx, level, optname, optval, optlen) {
      const target = targetOf(kernel, ctx >>> 0);
      const len = optlen >>> 0;
      const bytes = target === undefined ? undefined : readOption(target, { level, optname, len });
      kernel.mem.writeBytes(optval >>> 0, bytes ?? new Uint8Array(len));
      return bytes === undefined ? -EINVAL : 0;
    },
  }),
];
