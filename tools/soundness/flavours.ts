// SPDX-License-Identifier: MIT
// Program types that the net writes programs for.
import {
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_LWT_XMIT,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_TRACEPOINT,
  BPF_PROG_TYPE_XDP,
} from '../../packages/uapi/src/index.ts';

export interface Flavour {
  readonly name: string;
  readonly type: number;
  /** Words of the context that can be loaded: offset and bytes. */
  readonly fields: readonly (readonly [off: number, bytes: number])[];
  /** Offsets of the fields that hold the packet's start, end, and what precedes it. */
  readonly packet?: { readonly data: number; readonly end: number; readonly meta?: number; readonly write: boolean };
  /** Where the kernel keeps the packet. */
  readonly buffer?: 'xdp' | 'skb';
  /** Programs run by a test run; others over this many random bytes. */
  readonly ctxBytes?: number;
  readonly tracing?: boolean;
  readonly sockets?: boolean;
  readonly ldAbs?: boolean;
  /** Fields that can be written. */
  readonly writable?: readonly number[];
}

/** `struct __sk_buff`: words that every program may load, and those of privileged types. */
const SKB = [0, 4, 8, 16, 24, 40].map((off) => [off, 4] as const);
const CB = [48, 52, 56, 60, 64];
const words = (lenBytes: number): [number, number][] => Array.from({ length: lenBytes / 8 }, (_, i) => [8 * i, 8]);

export const FLAVOURS: readonly Flavour[] = [
  {
    name: 'xdp',
    type: BPF_PROG_TYPE_XDP,
    fields: [
      [12, 4],
      [16, 4],
    ],
    packet: { data: 0, end: 4, meta: 8, write: true },
    buffer: 'xdp',
    sockets: true,
  },
  {
    name: 'cls',
    type: BPF_PROG_TYPE_SCHED_CLS,
    fields: SKB,
    packet: { data: 76, end: 80, meta: 140, write: true },
    buffer: 'skb',
    sockets: true,
    ldAbs: true,
    writable: CB,
  },
  {
    name: 'socket',
    type: BPF_PROG_TYPE_SOCKET_FILTER,
    fields: SKB,
    ldAbs: true,
    writable: CB,
  },
  {
    name: 'cgroup_skb',
    type: BPF_PROG_TYPE_CGROUP_SKB,
    fields: SKB,
    packet: { data: 76, end: 80, write: false },
    buffer: 'skb',
    writable: CB,
  },
  {
    name: 'lwt_xmit',
    type: BPF_PROG_TYPE_LWT_XMIT,
    fields: SKB,
    packet: { data: 76, end: 80, write: true },
    buffer: 'skb',
    writable: CB,
  },
  { name: 'kprobe', type: BPF_PROG_TYPE_KPROBE, fields: words(168), ctxBytes: 168, tracing: true },
  { name: 'tracepoint', type: BPF_PROG_TYPE_TRACEPOINT, fields: words(64).slice(1), ctxBytes: 64, tracing: true },
  { name: 'raw_tp', type: BPF_PROG_TYPE_RAW_TRACEPOINT, fields: words(64), ctxBytes: 96, tracing: true },
];
