// SPDX-License-Identifier: MIT
// Program types that the net writes programs for.
import {
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_CGROUP_SYSCTL,
  BPF_PROG_TYPE_FLOW_DISSECTOR,
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_LWT_XMIT,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_TRACEPOINT,
  BPF_PROG_TYPE_TRACING,
  BPF_PROG_TYPE_XDP,
  BPF_TRACE_FENTRY,
  BPF_TRACE_RAW_TP,
} from '../../packages/uapi/src/index.ts';
import type { StructName } from './net-structs.ts';

export interface Flavour {
  readonly name: string;
  readonly type: number;
  /** Words of the context that can be loaded: offset and bytes. */
  readonly fields: readonly (readonly [off: number, bytes: number])[];
  /** Offsets of the fields that hold the packet's start, end, and what precedes it. */
  readonly packet?: { readonly data: number; readonly end: number; readonly meta?: number; readonly write: boolean };
  /** Where the kernel keeps the packet. */
  readonly buffer?: 'xdp' | 'skb' | 'flow';
  /** Programs run by a test run; others over this many random bytes. */
  readonly ctxBytes?: number;
  readonly tracing?: boolean;
  readonly sockets?: boolean;
  readonly ldAbs?: boolean;
  /** Fields that can be written. */
  readonly writable?: readonly number[];
  /** Loaded by somebody who may do nothing. */
  readonly unprivileged?: boolean;
  readonly attachType?: number;
  /** A function or tracepoint of the kernel's BTF. */
  readonly attachTo?: string;
  /** Words of the context that point to structures. */
  readonly pointers?: readonly (StructName | undefined)[];
  /** The first word of the context is a tracepoint's buffer. */
  readonly tpBuffer?: boolean;
  /** Offset of the flow keys. */
  readonly flowKeys?: number;
  /** What R0 may be at the end. */
  readonly returns?: readonly [low: bigint, high: bigint];
  /** Of the whole: how often it is drawn. */
  readonly weight?: number;
}

/** `struct __sk_buff`: words that every program may load, and those of privileged types. */
const SKB = [0, 4, 8, 16, 24, 40].map((off) => [off, 4] as const);
const CB = [48, 52, 56, 60, 64];
const words = (lenBytes: number): [number, number][] => Array.from({ length: lenBytes / 8 }, (_, i) => [8 * i, 8]);

const ROWS: readonly Flavour[] = [
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
    returns: [0n, 1n],
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
  {
    name: 'raw_tp_writable',
    type: BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
    fields: words(64).slice(1),
    ctxBytes: 96,
    tracing: true,
    tpBuffer: true,
  },
  {
    name: 'flow_dissector',
    type: BPF_PROG_TYPE_FLOW_DISSECTOR,
    fields: [],
    packet: { data: 76, end: 80, write: false },
    buffer: 'flow',
    flowKeys: 144,
  },
  {
    name: 'tp_btf',
    type: BPF_PROG_TYPE_TRACING,
    fields: [[8, 8]],
    ctxBytes: 16,
    tracing: true,
    attachType: BPF_TRACE_RAW_TP,
    attachTo: 'btf_trace_kfree_skb',
    pointers: ['sk_buff'],
    weight: 2,
  },
  {
    name: 'fentry',
    type: BPF_PROG_TYPE_TRACING,
    fields: [],
    ctxBytes: 48,
    tracing: true,
    attachType: BPF_TRACE_FENTRY,
    attachTo: 'tcp_v4_syn_recv_sock',
    pointers: ['sock', 'sk_buff', 'request_sock', undefined, 'request_sock'],
  },
  {
    name: 'sysctl',
    type: BPF_PROG_TYPE_CGROUP_SYSCTL,
    fields: [[0, 4]],
    ctxBytes: 128,
    returns: [0n, 1n],
    weight: 2,
  },
  {
    name: 'socket_of_users',
    type: BPF_PROG_TYPE_SOCKET_FILTER,
    fields: SKB,
    ldAbs: true,
    writable: CB,
    unprivileged: true,
    weight: 2,
  },
  {
    name: 'cgroup_skb_of_users',
    type: BPF_PROG_TYPE_CGROUP_SKB,
    fields: SKB,
    writable: CB,
    unprivileged: true,
    returns: [0n, 1n],
    weight: 2,
  },
];

/** Types with packets and sockets have more to check. */
export const FLAVOURS: readonly Flavour[] = ROWS.flatMap((row) =>
  new Array<Flavour>(row.weight ?? (row.buffer === 'xdp' || row.buffer === 'skb' ? 3 : 1)).fill(row),
);

/** Those loaded as root without a target, and run over bytes of any kind. */
export const PLAIN_FLAVOURS: readonly Flavour[] = FLAVOURS.filter(
  ({ unprivileged, attachTo, tpBuffer }) => unprivileged !== true && attachTo === undefined && tpBuffer !== true,
);
