// SPDX-License-Identifier: MIT
// Whole verifications of small programs: a row or two, maps by name, a program as text.
import { assemble, type Insn } from '@tsbpf/insn';
import {
  HELPER_PROTOS,
  type HelperChoice,
  type HelperVariant,
  type MapFacts,
  PROG_TYPE_HELPERS,
  type ProgToVerify,
  type ProgTypeDef,
  type RegType,
  type VerifierEnv,
  type VerifierOps,
  type VerifierResult,
  defineHelper,
  helperChooser,
} from '@tsbpf/core';
import { verify, verifyObserved, type PathObserver } from '../src/index.ts';
import { fakeMapType } from './fake-map-types.ts';
import { fakeMap } from './verification.ts';

/** Map types by number, as the table of maps below uses them. */
const HASH = 1;
const ARRAY = 2;
const PROG_ARRAY = 3;
const ARRAY_OF_MAPS = 12;

const at = (n: number): bigint => 0xffff888000000000n + BigInt(n) * 0x1000n;
const map = (n: number, facts: Partial<MapFacts>): MapFacts => {
  const made = fakeMap({ addr: at(n), ...facts });
  return { ...made, def: fakeMapType(made.type) };
};
const inner = map(20, { type: ARRAY, keySize: 4, valueSize: 4 });
const someBtf = { id: 1, btf: undefined as never, bytes: new Uint8Array(), get: () => undefined, put: () => undefined };

/** Maps that programs of tests name: `r1 = hash ll`. */
export const MAPS: Readonly<Record<string, MapFacts>> = {
  hash: map(1, { type: HASH, keySize: 8, valueSize: 8 }),
  big: map(2, { type: HASH, keySize: 8, valueSize: 48 }),
  array: map(3, { type: ARRAY, keySize: 4, valueSize: 48 }),
  locked: map(4, { type: ARRAY, keySize: 4, valueSize: 8, spinLockOff: 4, name: 'locked', btf: someBtf }),
  locked2: map(5, { type: ARRAY, keySize: 4, valueSize: 8, spinLockOff: 4, name: 'locked2', btf: someBtf }),
  unlocked: map(6, { type: ARRAY, keySize: 4, valueSize: 8, name: 'unlocked', btf: someBtf }),
  maps: map(7, { type: ARRAY_OF_MAPS, keySize: 4, valueSize: 4, innerMap: inner }),
  progs: map(8, { type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 4 }),
  readonly: map(9, { type: ARRAY, keySize: 4, valueSize: 48, flags: 0x80 }),
  writeonly: map(10, { type: ARRAY, keySize: 4, valueSize: 48, flags: 0x100 }),
  frozen: map(11, { type: ARRAY, keySize: 4, valueSize: 48, flags: 0x80, frozen: true }),
};
const NAMES = Object.keys(MAPS);

/** Fields of contexts: offset, size, what a load yields, and whether it can be stored to. */
type Field = readonly [off: number, size: number, regType?: RegType, writable?: boolean];

const CONTEXTS: Readonly<Record<string, readonly Field[]>> = {
  SOCKET_FILTER: [
    [0, 4],
    [8, 4],
    [48, 4, 'SCALAR_VALUE', true],
  ],
  SCHED_CLS: [
    [0, 4],
    [48, 4, 'SCALAR_VALUE', true],
    [76, 4, 'PTR_TO_PACKET'],
    [80, 4, 'PTR_TO_PACKET_END'],
    [140, 4, 'PTR_TO_PACKET_META'],
    [168, 8, 'PTR_TO_SOCK_COMMON_OR_NULL'],
  ],
  XDP: [
    [0, 4, 'PTR_TO_PACKET'],
    [4, 4, 'PTR_TO_PACKET_END'],
    [8, 4, 'PTR_TO_PACKET_META'],
    [12, 4],
  ],
  CGROUP_SOCK: [[0, 4]],
  RAW_TRACEPOINT_WRITABLE: [[0, 8, 'PTR_TO_TP_BUFFER']],
  FLOW_DISSECTOR: [[144, 8, 'PTR_TO_FLOW_KEYS']],
};

const NUMBERS: Readonly<Record<string, number>> = {
  SOCKET_FILTER: 1,
  SCHED_CLS: 3,
  XDP: 6,
  CGROUP_SOCK: 9,
  FLOW_DISSECTOR: 22,
  RAW_TRACEPOINT_WRITABLE: 24,
};

function row(name: string, ops: Partial<VerifierOps> = {}): ProgTypeDef {
  const helpers = (PROG_TYPE_HELPERS as Readonly<Record<string, readonly HelperChoice[]>>)[name];
  return {
    type: NUMBERS[name],
    name: name.toLowerCase(),
    since: '5.6',
    progCtx: { name: name === 'XDP' ? 'xdp_md' : '__sk_buff', kind: 'struct' },
    kernelCtx: undefined,
    verifier: {
      getFuncProto: helperChooser(helpers),
      isValidAccess({ off, size, write }) {
        for (const [start, width, regType = 'SCALAR_VALUE', writable = false] of CONTEXTS[name]) {
          if (off < start || off + size > start + width || off % size !== 0 || (write && !writable)) continue;
          if (regType !== 'SCALAR_VALUE' && (off !== start || size !== width)) continue;
          return { regType, ctxFieldSize: regType === 'SCALAR_VALUE' ? width : 0 };
        }
        return undefined;
      },
      packetAccess: name === 'SCHED_CLS' || name === 'XDP' ? 'read-write' : 'none',
      ldAbs: name === 'SOCKET_FILTER' || name === 'SCHED_CLS',
      ...(name === 'CGROUP_SOCK' ? { returnRange: () => ({ lo: 0, hi: 1 }) } : {}),
      ...ops,
    },
    ops: {},
  };
}

/** How a program is verified. */
export interface RigOptions {
  /** A name of {@link CONTEXTS}: SOCKET_FILTER unless told. */
  readonly type?: string;
  readonly unprivileged?: boolean;
  /** Log level; 1 unless told. */
  readonly level?: number;
  readonly sizeBytes?: number;
  readonly diagnose?: boolean;
  readonly prog?: Partial<ProgToVerify>;
  readonly env?: Partial<VerifierEnv>;
  readonly ops?: Partial<VerifierOps>;
  /** Rules of later versions. */
  readonly mended?: PathObserver['mended'];
  /** Who watches; `mended` is not asked then. */
  readonly observer?: PathObserver;
}

/** The environment of a rig. */
export function rigEnv(options: RigOptions = {}): VerifierEnv {
  const rows = new Map(Object.keys(NUMBERS).map((name) => [NUMBERS[name], row(name, options.ops)]));
  return {
    version: '5.6',
    progType: (type) => rows.get(type),
    mapByFd: (fd) => MAPS[NAMES[fd - 3]] ?? -9,
    helper: (variant) => (variant in HELPER_PROTOS ? defineHelper(variant as HelperVariant) : undefined),
    helperProtos: HELPER_PROTOS,
    ptrClass: (regType) => ({
      regType,
      progStruct: 'bpf_sock',
      isValidAccess: ({ off, size }) =>
        off === 4 && size === 4 ? { regType: 'SCALAR_VALUE', ctxFieldSize: 4 } : undefined,
      convertAccess: ({ insn, size }) => ({ insns: [insn], targetSize: size }),
    }),
    vmlinux: undefined,
    types: undefined,
    callBase: 0n,
    kernelSymbol: () => 0x1000n,
    readMemory: () => 7n,
    jit: true,
    efficientUnaligned: true,
    now: () => 0n,
    ...options.env,
  };
}

/** Verifies instructions, or text for the assembler. */
export function verifyText(text: string | readonly Insn[], options: RigOptions = {}): VerifierResult {
  const fds = Object.fromEntries(NAMES.map((name, i) => [name, i + 3]));
  const insns = typeof text === 'string' ? assemble(text, { maps: fds }) : text;
  const { mended } = options;
  const { observer = mended && { mended, step: () => undefined, pruned: () => undefined } } = options;
  const run: typeof verify =
    observer === undefined ? verify : (env, prog, more = {}) => verifyObserved(env, prog, more, observer);
  return run(
    rigEnv(options),
    {
      type: NUMBERS[options.type ?? 'SOCKET_FILTER'],
      insns,
      gplCompatible: true,
      expectedAttachType: 0,
      flags: 0,
      name: 'p',
      devBound: false,
      privileged: options.unprivileged !== true,
      btf: undefined,
      funcInfo: undefined,
      lineInfo: undefined,
      attachBtfId: 0,
      targetProg: undefined,
      ...options.prog,
    },
    {
      log: { level: options.level ?? 1, sizeBytes: options.sizeBytes ?? 1 << 20 },
      ...(options.diagnose === undefined ? {} : { diagnose: options.diagnose }),
    },
  );
}

/** Lines of a log that are neither instructions nor states nor statistics: its messages. */
export function messagesOf(log: string): string[] {
  return log.split('\n').filter((line) => line !== '' && !/^( |\d+: |from |processed |last_idx|regs=|parent )/.test(line));
}
