// SPDX-License-Identifier: MIT
// Random programs of every type that BPF_PROG_TEST_RUN takes, over random packets and contexts: the running kernel and
// ours must answer the same result, data and context. Programs read every field of their context whose value a test run
// decides, and call every helper that acts on the packet and answers the same on both. Left out, because later kernels
// do otherwise: what `csum_diff` folds, growing an XDP packet's tail, metadata of XDP (handed out with the packet),
// VLAN tags together with ECN. Hashes, cookies, times and random numbers are each kernel's own.
import {
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_FLOW_DISSECTOR,
  BPF_PROG_TYPE_LWT_IN,
  BPF_PROG_TYPE_LWT_OUT,
  BPF_PROG_TYPE_LWT_SEG6LOCAL,
  BPF_PROG_TYPE_LWT_XMIT,
  BPF_PROG_TYPE_SCHED_ACT,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
  type Sys,
  type TestRunAttr,
} from '@tsbpf/uapi';
import { createPrng, randomPacket, type Prng } from '@tsbpf/capture';
import { assembleSource, encodeInsns } from '@tsbpf/insn';

const below = (prng: Prng, limit: number): number => prng() % limit;
const pick = <T>(prng: Prng, of: readonly T[]): T => of[below(prng, of.length)] as T;

/** r7 mixes all that a program saw. */
const mix = (reg: string): string => `r7 *= 31\nr7 += ${reg}\n`;
const call = (id: number, ...args: (number | string)[]): string =>
  `r1 = r6\n${args.map((arg, i) => `r${i + 2} = ${arg}\n`).join('')}call ${id}\n${mix('r0')}`;
/** 32 bytes of data, and as many for what is loaded, on the stack. */
const [DATA, ROOM] = ['r10\nr3 += -32', 'r10\nr3 += -64'];

type Piece = (prng: Prng) => string;

const fieldPiece =
  (fields: readonly number[]): Piece =>
  (prng) => {
    const off = pick(prng, fields);
    const size = pick(prng, [1, 2, 4]);
    const inner = size * below(prng, 4 / size);
    return `r1 = *(u${8 * size} *)(r6 + ${off + inner})\n${mix('r1')}`;
  };
const storePiece =
  (fields: readonly number[]): Piece =>
  (prng) =>
    `*(u32 *)(r6 + ${pick(prng, fields)}) = r7\n`;

const loadBytes: Piece = (prng) =>
  `${call(26, below(prng, 90), ROOM, pick(prng, [1, 2, 3, 4, 8, 14, 20]))}r1 = *(u64 *)(r10 - 64)\n${mix('r1')}`;
const loadRelative: Piece = (prng) =>
  `${call(68, below(prng, 70), ROOM, pick(prng, [1, 4, 8, 20]), below(prng, 3))}r1 = *(u64 *)(r10 - 64)\n${mix('r1')}`;
const storeBytes: Piece = (prng) => call(9, below(prng, 90), DATA, pick(prng, [1, 2, 4, 7, 16]), below(prng, 5));
const l3Csum: Piece = (prng) =>
  call(
    10,
    pick(prng, [10, 24, 26, 25, 90, 0]),
    below(prng, 3) * below(prng, 70000),
    below(prng, 70000),
    pick(prng, [0, 2, 4, 3, 16]),
  );
const l4Csum: Piece = (prng) =>
  call(
    11,
    pick(prng, [26, 36, 40, 50, 51, 99]),
    below(prng, 3) * below(prng, 70000),
    below(prng, 70000),
    pick(prng, [0, 2, 4]) | pick(prng, [0, 16, 32, 48, 96, 256]),
  );
const changeTail: Piece = (prng) => call(38, below(prng, 300), below(prng, 8) === 0 ? 1 : 0);
const changeHead: Piece = (prng) => call(43, below(prng, 40), below(prng, 8) === 0 ? 1 : 0);
const pullData: Piece = (prng) => call(39, below(prng, 120));
const clearHash: Piece = () => `${call(41)}r1 = *(u32 *)(r6 + 68)\n${mix('r1')}`;
const setHash: Piece = (prng) => `${call(48, below(prng, 1 << 30))}r1 = *(u32 *)(r6 + 68)\n${mix('r1')}`;
const csumUpdate: Piece = (prng) => call(40, below(prng, 1000));
const vlanPush: Piece = (prng) => call(18, pick(prng, [0x0081, 0xa888, 0x0008]), below(prng, 65536));
const vlanPop: Piece = () => call(19);
const changeProto: Piece = (prng) => call(31, pick(prng, [0x0008, 0xdd86, 0x0081]), below(prng, 8) === 0 ? 1 : 0);
const changeType: Piece = (prng) => call(32, below(prng, 6));
const adjustRoom: Piece = (prng) =>
  call(50, below(prng, 60) - 25, below(prng, 3), pick(prng, [0, 1, 2, 4, 6, 10, 18, 24, 26]));
const redirect: Piece = (prng) => `r1 = ${below(prng, 20)}\nr2 = ${below(prng, 4)}\ncall 23\n${mix('r0')}`;
const tag: Piece = (prng) => {
  const label = `notag${prng()}`;
  return `r1 = *(u32 *)(r6 + 20)\nif r1 == 0 goto ${label}\nr1 = *(u32 *)(r6 + 24)\n${mix('r1')}r1 = *(u32 *)(r6 + 28)\n${mix('r1')}${label}:\n`;
};
const tstamp: Piece = () => `r1 = *(u64 *)(r6 + 152)\n${mix('r1')}r1 = r7\n*(u64 *)(r6 + 152) = r1\n`;
const ldAbs: Piece = (prng) => {
  const size = pick(prng, [8, 16, 32]);
  return `r0 = *(u${size} *)skb[${below(prng, 40)}]\n${mix('r0')}`;
};
/** Reads the packet itself, and with `write` changes it. */
const direct =
  (write: boolean): Piece =>
  (prng) => {
    const label = `short${prng()}`;
    const off = below(prng, 60);
    return (
      `r2 = *(u32 *)(r6 + 76)\nr3 = *(u32 *)(r6 + 80)\nr4 = r2\nr4 += ${off + 8}\nif r4 > r3 goto ${label}\n` +
      `r1 = *(u64 *)(r2 + ${off})\n${mix('r1')}${write ? `*(u16 *)(r2 + ${off}) = r7\n` : ''}${label}:\n`
    );
  };

/** len, pkt_type, mark, queue_mapping, protocol, vlan_present, priority, tc_index, cb, gso_segs. */
const FIELDS = [0, 4, 8, 12, 16, 20, 32, 44, 48, 52, 56, 60, 64, 164];
const CB = [48, 52, 56, 60, 64];
const CLS_FIELDS = [...FIELDS, 72, 160];
const base = [fieldPiece(FIELDS), storePiece(CB), loadBytes];
const classifier = [
  ...[fieldPiece(CLS_FIELDS), storePiece([8, 12, 32, 44, 72, ...CB]), loadBytes, loadRelative, storeBytes, l3Csum],
  ...[l4Csum, changeTail, pullData, clearHash, setHash, csumUpdate, vlanPush, vlanPop, changeProto, changeType],
  ...[adjustRoom, redirect, tag, tstamp, direct(true)],
];

const xdpPieces: readonly Piece[] = [
  (prng) => call(44, below(prng, 60) - 30),
  (prng) => call(65, -1 - below(prng, 40)),
  (prng) => `r1 = ${below(prng, 20)}\nr2 = ${below(prng, 2)}\ncall 23\n${mix('r0')}`,
  () => `r1 = *(u32 *)(r6 + 12)\n${mix('r1')}r1 = *(u32 *)(r6 + 16)\n${mix('r1')}`,
  (prng) => {
    const label = `short${prng()}`;
    const off = below(prng, 60);
    return (
      `r2 = *(u32 *)(r6 + 0)\nr3 = *(u32 *)(r6 + 4)\nr4 = r2\nr4 += ${off + 4}\nif r4 > r3 goto ${label}\n` +
      `r1 = *(u32 *)(r2 + ${off})\n${mix('r1')}*(u32 *)(r2 + ${off}) = r7\n${label}:\n`
    );
  },
];

const flowPieces: readonly Piece[] = [
  (prng) => {
    const size = pick(prng, [1, 2, 4, 8]);
    const off = below(prng, 56 - size + 1);
    return `r8 = *(u64 *)(r6 + 144)\nr1 = *(u${8 * size} *)(r8 + ${off})\n${mix('r1')}${below(prng, 2) === 0 ? '' : `*(u${8 * size} *)(r8 + ${off}) = r7\n`}`;
  },
  (prng) => {
    const label = `short${prng()}`;
    const off = below(prng, 80);
    return (
      `r2 = *(u32 *)(r6 + 76)\nr3 = *(u32 *)(r6 + 80)\nr4 = r2\nr4 += ${off + 8}\nif r4 > r3 goto ${label}\n` +
      `r1 = *(u64 *)(r2 + ${off})\n${mix('r1')}${label}:\n`
    );
  },
];

interface Family {
  readonly type: number;
  readonly pieces: readonly Piece[];
  /** How the program ends; the mix is the result where it may be. */
  readonly end?: string;
  /** Whether the test run takes a context. */
  readonly ctx: boolean;
  /** The program's result is told apart from that of the run. */
  readonly flow?: boolean;
}

const lwt = (type: number, more: readonly Piece[]): Family => ({
  type,
  pieces: [...base, storePiece([8]), pullData, ...more],
  ctx: true,
});

export const FAMILIES: Readonly<Record<string, Family>> = {
  socket_filter: { type: BPF_PROG_TYPE_SOCKET_FILTER, pieces: [...base, loadRelative, ldAbs, tag], ctx: true },
  sched_cls: { type: BPF_PROG_TYPE_SCHED_CLS, pieces: classifier, ctx: true },
  sched_act: { type: BPF_PROG_TYPE_SCHED_ACT, pieces: classifier, ctx: true },
  xdp: { type: BPF_PROG_TYPE_XDP, pieces: xdpPieces, ctx: false },
  cgroup_skb: {
    type: BPF_PROG_TYPE_CGROUP_SKB,
    pieces: [...base, storePiece([8, 32]), loadRelative, tstamp],
    // Only 0 and 1 are results: the mix goes out with the context.
    end: '*(u32 *)(r6 + 48) = r7\nr0 = r7\nr0 &= 1\nexit\n',
    ctx: true,
  },
  lwt_in: lwt(BPF_PROG_TYPE_LWT_IN, [direct(false)]),
  lwt_out: lwt(BPF_PROG_TYPE_LWT_OUT, [direct(false)]),
  lwt_xmit: lwt(BPF_PROG_TYPE_LWT_XMIT, [
    ...[direct(true), storeBytes, l3Csum, l4Csum, changeTail, changeHead, clearHash, csumUpdate, redirect],
  ]),
  lwt_seg6local: lwt(BPF_PROG_TYPE_LWT_SEG6LOCAL, []),
  flow_dissector: {
    type: BPF_PROG_TYPE_FLOW_DISSECTOR,
    pieces: flowPieces,
    ctx: false,
    end: 'r0 = r7\nr0 &= 1\nexit\n',
    flow: true,
  },
};

/** A program of a family. */
export function randomOf(family: Family, prng: Prng): string {
  const stack = [32, 24, 16, 8].map(
    (off) => `r1 = ${below(prng, 1 << 30)} ll\nr1 *= 65537\n*(u64 *)(r10 - ${off}) = r1\n`,
  );
  const clear = [64, 56, 48, 40].map((off) => `r1 = 0\n*(u64 *)(r10 - ${off}) = r1\n`);
  const body = Array.from({ length: 1 + below(prng, 9) }, () => pick(prng, family.pieces)(prng));
  return `r6 = r1\nr7 = 1\n${[...stack, ...clear, ...body].join('')}${family.end ?? 'r0 = r7\nexit\n'}`;
}

/** A context with what a test run takes: mark, priority, cb, tstamp, gso_segs. */
function randomCtx(prng: Prng): Uint8Array {
  const ctx = new Uint8Array(176);
  const view = new DataView(ctx.buffer);
  for (const off of [8, 32, ...CB]) view.setUint32(off, prng(), true);
  view.setBigUint64(152, BigInt(prng()), true);
  view.setUint32(164, below(prng, 65536), true);
  return ctx;
}

/** Frames long enough for every kernel, short enough for one page. */
function randomFrame(prng: Prng): Uint8Array {
  const { data } = randomPacket(prng, { malformedOneIn: 3 });
  const frame = new Uint8Array(Math.max(60, data.length));
  frame.set(data);
  return frame.subarray(0, 1500);
}

export interface TestRunCase {
  readonly family: Family;
  readonly source: string;
  readonly packets: readonly { readonly data: Uint8Array; readonly ctx: Uint8Array | undefined }[];
}

export function randomCase(name: string, seed: number, packets: number): TestRunCase {
  const family = FAMILIES[name];
  if (family === undefined) throw new TypeError(`no family ${name}`);
  const prng = createPrng(seed * 7919 + 13);
  const source = randomOf(family, prng);
  const given = Array.from({ length: packets }, () => ({
    data: randomFrame(prng),
    ctx: family.ctx && below(prng, 3) > 0 ? randomCtx(prng) : undefined,
  }));
  return { family, source, packets: given };
}

const hex = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? '' : [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** What a kernel answers, a line for each packet. `late`: it hands out the flow dissector's own result. */
export function answers(sys: Sys, { family, source, packets }: TestRunCase, options: { late: boolean }): string[] {
  const log_buf = new Uint8Array(1 << 16);
  const insns = encodeInsns(assembleSource(source).insns);
  const fd = sys.bpf(BPF_PROG_LOAD, { prog_type: family.type, insns, license: 'GPL', log_level: 1, log_buf });
  if (fd < 0)
    throw new TypeError(`load: ${fd}\n${new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0)))}\n${source}`);
  try {
    return packets.map(({ data, ctx }) => {
      const attr: TestRunAttr = { prog_fd: fd, data_in: data, data_out: new Uint8Array(8192) };
      if (ctx !== undefined) Object.assign(attr, { ctx_in: ctx, ctx_out: new Uint8Array(256) });
      const err = sys.bpf(BPF_PROG_TEST_RUN, attr);
      const out = attr.data_out?.slice(0, attr.data_size_out);
      // Later kernels tell the devices' numbers, too.
      const ctxOut = attr.ctx_out?.slice(0, 176).fill(0, 36, 44);
      const flow = family.flow === true && options.late;
      const retval = flow ? (attr.retval === 0 ? 1 : 0) : attr.retval;
      return `${err} ${retval} ${hex(out)} ${hex(ctxOut)}`;
    });
  } finally {
    sys.close(fd);
  }
}
