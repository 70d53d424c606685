// SPDX-License-Identifier: MIT
// Every check that Linux 5.6 makes of extensions, tracing programs and writable tracepoints when they are loaded and
// attached, in its order: the errno, and what the log says. Two checks cannot fail here: "Extension programs should be
// JITed" and "Can attach to only JITed progs", for both engines count as JITs. And three are never reached, because a
// target whose own function would fail them is not reliable ("Cannot replace static functions") or does not load: more
// than five arguments, arguments of unrecognized or unsupported type.
import { describe, expect, it } from 'vitest';
import { BTF_FUNC_STATIC, createBtfBuilder, encodeBtf, parseBtf, typesOf, type BtfBuilder } from '@tsbpf/btf';
import { assembleSource, encodeInsns } from '@tsbpf/insn';
import { vmlinuxBtf } from '@tsbpf/vmlinux';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_EXT as EXT,
  BPF_PROG_TYPE_KPROBE as KPROBE,
  BPF_PROG_TYPE_RAW_TRACEPOINT as RAW_TRACEPOINT,
  BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE as WRITABLE,
  BPF_PROG_TYPE_SCHED_CLS as SCHED_CLS,
  BPF_PROG_TYPE_TRACING as TRACING,
  BPF_PROG_TYPE_XDP as XDP,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_TRACE_FENTRY as FENTRY,
  BPF_TRACE_FEXIT as FEXIT,
  BPF_TRACE_RAW_TP as RAW_TP,
  createKernel,
  E2BIG,
  EACCES,
  EBADF,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOTSUPP,
  EPERM,
  type ProgLoadAttr,
  type SimulatedKernel,
} from './index.ts';

const INT = { size: 4, encoding: 1 };
const LINES = { verdict: /^(processed |\d+: |Validating |func#|Func#)/ };

/** A BTF of types that programs of this file are made with. */
function types(b: BtfBuilder) {
  const int = b.int('int', INT.size, { encoding: INT.encoding });
  const u64 = b.int('u64', 8);
  const char = b.int('char', 1, { encoding: 1 });
  const md = b.ptr(b.struct('xdp_md', 4, [{ name: 'data', typeId: int, bitOffset: 0 }]));
  const skb = b.ptr(b.struct('__sk_buff', 4, [{ name: 'len', typeId: int, bitOffset: 0 }]));
  const box = b.struct('box', 8, [{ name: 'x', typeId: u64, bitOffset: 0 }]);
  const intPtr = b.ptr(int);
  const takes = (name: string, ret: number, params: readonly number[], linkage?: number): number =>
    b.func(
      name,
      b.funcProto(
        ret,
        params.map((typeId, i) => ({ name: `a${i}`, typeId })),
      ),
      linkage === undefined ? {} : { linkage },
    );
  return { int, u64, char, md, skb, box, intPtr, voidPtr: b.ptr(0), takes };
}

/** The kernel's BTF, and functions with prototypes that trampolines, or programs, do not take. */
function kernelTypes() {
  const base = parseBtf(vmlinuxBtf());
  const b = createBtfBuilder({ base });
  const { int, u64, box, intPtr, voidPtr, takes } = types(b);
  const ids = {
    good: takes('t_good', int, [int, u64]),
    noResult: takes('t_void', 0, [u64]),
    many: takes('t_many', int, Array<number>(12).fill(u64)),
    seven: takes('t_seven', int, Array<number>(7).fill(u64)),
    byValue: takes('t_by_value', int, [u64, box]),
    structRet: takes('t_struct_ret', box, []),
    toInt: takes('t_to_int', int, [intPtr, b.ptr(box), voidPtr]),
    traceType: b.typedef(
      'btf_trace_t_event',
      b.ptr(
        b.funcProto(
          0,
          [voidPtr, u64].map((typeId) => ({ name: '', typeId })),
        ),
      ),
    ),
    plainType: b.typedef('t_u64', u64),
    brokenType: b.typedef('btf_trace_t_broken', int),
    box,
  };
  return {
    bytes: encodeBtf([...typesOf(base), ...[...typesOf(b.build())].filter(({ id }) => id >= base.typeCount)]),
    ids,
  };
}

const VMLINUX = kernelTypes();

interface Load {
  readonly type: number;
  readonly attach?: number;
  readonly btfId?: number;
  readonly target?: number;
  readonly code?: string;
  /** The program's own BTF, and which FUNC its functions are, by instruction. */
  readonly btf?: (t: ReturnType<typeof types>) => readonly (readonly [insn: number, funcId: number])[];
}

const RETURN_0 = 'r0 = 0\nexit';

/** A kernel, and means to load programs on it by their bytes. */
function setUp(options: { uid?: number } = {}) {
  const kernel = createKernel({
    vmlinux: VMLINUX.bytes,
    ...(options.uid === undefined ? {} : { task: { uid: options.uid } }),
  });
  const load = ({ type, attach = 0, btfId = 0, target = 0, code = RETURN_0, btf }: Load) => {
    const log = new Uint8Array(1 << 16);
    const attr: ProgLoadAttr = {
      prog_type: type,
      insns: encodeInsns(assembleSource(code).insns),
      license: 'GPL',
      expected_attach_type: attach,
      attach_btf_id: btfId,
      attach_prog_fd: target,
      log_level: 1,
      log_buf: log,
      ...(btf === undefined ? {} : ownTypes(kernel, btf)),
    };
    const ret = kernel.bpf(BPF_PROG_LOAD, attr);
    const text = new TextDecoder().decode(log.subarray(0, Math.max(log.indexOf(0), 0)));
    return { ret, said: text.split('\n').filter((line) => line !== '' && !LINES.verdict.test(line)) };
  };
  const loaded = (what: Load): number => {
    const { ret, said } = load(what);
    expect(ret, said.join('\n')).toBeGreaterThan(0);
    return ret;
  };
  const open = (prog_fd: number, name?: string): number =>
    kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd, ...(name === undefined ? {} : { name }) });
  return { kernel, load, loaded, open, ...targets(loaded) };
}
type World = ReturnType<typeof setUp>;

function ownTypes(kernel: SimulatedKernel, make: NonNullable<Load['btf']>): Partial<ProgLoadAttr> {
  const b = createBtfBuilder();
  const funcs = make(types(b));
  const prog_btf_fd = kernel.bpf(BPF_BTF_LOAD, { btf: b.bytes() });
  expect(prog_btf_fd).toBeGreaterThan(0);
  const func_info = new Uint8Array(Uint32Array.from(funcs.flat()).buffer);
  return { prog_btf_fd, func_info, func_info_rec_size: 8 };
}

/** FUNC ids of the target programs: those that `types` makes come first. */
function targetIds() {
  const b = createBtfBuilder();
  const { int, u64, md, takes } = types(b);
  const main = takes('main', int, [md]);
  const two = takes('two', int, [md, int]);
  const hidden = takes('hidden', int, [int], BTF_FUNC_STATIC);
  const wide = takes('wide', int, [u64]);
  const unused = takes('unused', int, [int]);
  return { main, two, hidden, wide, unused, int };
}
const IDS = targetIds();

/** Two XDP programs that others are attached to: one as it should be, and one whose BTF lies about its main function. */
function targets(loaded: (what: Load) => number) {
  const code = `
    r6 = r1
    r2 = 1
    call two
    r1 = 7
    call hidden
    r1 = 7
    call wide
    r0 = 2
    exit
    two: r0 = 0
    exit
    hidden: r0 = 0
    exit
    wide: r0 = 0
    exit`;
  const btf: Load['btf'] = ({ int, u64, md, takes }) => {
    const [main, two, hidden, wide] = [
      takes('main', int, [md]),
      takes('two', int, [md, int]),
      takes('hidden', int, [int], BTF_FUNC_STATIC),
      takes('wide', int, [u64]),
    ];
    takes('unused', int, [int]);
    return [
      [0, main],
      [9, two],
      [11, hidden],
      [13, wide],
    ];
  };
  return {
    target: () => loaded({ type: XDP, code, btf }),
    liar: () => loaded({ type: XDP, btf: ({ int, takes }) => [[0, takes('main', int, [int])]] }),
    bare: () => loaded({ type: XDP }),
  };
}

/** An extension of the target's `main`, with its own main function of a prototype. */
const extension =
  (btf: NonNullable<Load['btf']>, more: Partial<Load> = {}) =>
  (w: World): Load => ({
    type: EXT,
    target: w.target(),
    btfId: IDS.main,
    btf,
    ...more,
  });
const fits: NonNullable<Load['btf']> = ({ int, md, takes }) => [[0, takes('ext', int, [md])]];

/** fentry on the target's `main`. */
const fentryOn = (target: number, btfId = IDS.main, attach = FENTRY): Load => ({
  type: TRACING,
  attach,
  target,
  btfId,
});
const onKernel = (btfId: number, more: Partial<Load> = {}): Load => ({ type: TRACING, attach: FENTRY, btfId, ...more });
const { ids } = VMLINUX;

type LoadCheck = readonly [check: string, load: (w: World) => Load, errno: number, said: string | undefined];

const BEFORE_THE_VERIFIER: readonly LoadCheck[] = [
  ['a function to attach to, for another type', () => ({ type: KPROBE, btfId: 1 }), EINVAL, undefined],
  ['a function to attach to, for a writable tracepoint', () => ({ type: WRITABLE, btfId: 1 }), EINVAL, undefined],
  ['a BTF id that no BTF has room for', () => onKernel(0x100000), EINVAL, undefined],
  ['a target program, for another type', (w) => ({ type: KPROBE, target: w.target() }), EINVAL, undefined],
  ['a target that is no fd', () => ({ type: EXT, target: 999, btfId: 1 }), EBADF, undefined],
  ['a target that is no program', (w) => ({ type: EXT, target: aMap(w), btfId: 1 }), EINVAL, undefined],
  ['an extension with an attach type', extension(fits, { attach: FENTRY }), EINVAL, undefined],
];

const aMap = ({ kernel }: World): number =>
  kernel.bpf(BPF_MAP_CREATE, { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 4, max_entries: 1 });

const TARGETS: readonly LoadCheck[] = [
  ['TRACING without a function', () => onKernel(0), EINVAL, 'Tracing programs must provide btf_id'],
  ['an extension without a function', (w) => ({ type: EXT, target: w.target() }), EINVAL, 'Tracing programs must provide btf_id'],
  ['a target without BTF', (w) => fentryOn(w.bare()), EINVAL, 'FENTRY/FEXIT program can only be attached to another program annotated with BTF'],
  ['an id that the BTF does not have', () => onKernel(0xfffff), EINVAL, 'attach_btf_id 1048575 is invalid'],
  ['a function that the target does not have', (w) => fentryOn(w.target(), IDS.unused), EINVAL, "Subprog unused doesn't exist"],
  ['a type of the target that is no function', (w) => fentryOn(w.target(), IDS.int), EINVAL, "Subprog int doesn't exist"],
  ['an extension of a function that is not as its BTF says', (w) => ({ type: EXT, target: w.liar(), btfId: IDS.main, btf: fits }), EINVAL, 'Cannot replace static functions'],
  ['an extension of a kernel function', () => ({ type: EXT, btfId: ids.good, btf: fits }), EINVAL, 'Cannot replace kernel functions'],
  ['TRACING on TRACING', (w) => fentryOn(w.loaded(own(w)), IDS.main), EINVAL, 'Cannot recursively attach'],
  ['TRACING on a BTF-typed raw tracepoint', (w) => fentryOn(w.loaded(ownTracepoint()), IDS.main), EINVAL, 'Cannot recursively attach'],
  ['an extension of an extension', (w) => ({ type: EXT, target: w.loaded(extension(fits)(w)), btfId: IDS.main, btf: fits }), EINVAL, 'Cannot recursively attach'],
  ['an extension of fentry', (w) => ({ type: EXT, target: w.loaded(own(w)), btfId: PICK, btf: picks }), EINVAL, 'Cannot extend fentry/fexit'],
  ['an extension of fexit', (w) => ({ type: EXT, target: w.loaded(own(w, FEXIT)), btfId: PICK, btf: picks }), EINVAL, 'Cannot extend fentry/fexit'],
  ['a raw tracepoint of a program', (w) => fentryOn(w.target(), IDS.main, RAW_TP), EINVAL, 'Only FENTRY/FEXIT progs are attachable to another BPF prog'],
  ['a raw tracepoint that is no typedef', () => onKernel(ids.good, { attach: RAW_TP }), EINVAL, `attach_btf_id ${ids.good} is not a typedef`],
  ['a raw tracepoint of another name', () => onKernel(ids.plainType, { attach: RAW_TP }), EINVAL, `attach_btf_id ${ids.plainType} points to wrong type name t_u64`],
  ['a raw tracepoint without a prototype', () => onKernel(ids.brokenType, { attach: RAW_TP }), EINVAL, undefined],
  ['an attach type that no tracing program has', () => onKernel(ids.good, { attach: 0 }), EINVAL, undefined],
  ['fentry on a type', () => onKernel(ids.box), EINVAL, `attach_btf_id ${ids.box} is not a function`],
  ['twelve arguments', () => onKernel(ids.many), EINVAL, 'The function t_many has 12 arguments. Too many.'],
  ['a structure as an argument', () => onKernel(ids.byValue), EINVAL, 'The function t_by_value arg1 type STRUCT is unsupported.'],
  ['a structure as the result', () => onKernel(ids.structRet), EINVAL, 'The function t_struct_ret return type STRUCT is unsupported.'],
]; // prettier-ignore

/**
 * A tracing program with BTF of its own and a global function `pick(int)`, which is what can be extended: main functions
 * of such programs take no context that BTF could name. FUNC ids: those of `main` and `two` in the target.
 */
const withPick = (load: Load): Load => ({
  ...load,
  code: 'r1 = 1\ncall pick\nexit\npick: r0 = 0\nexit',
  btf: ({ int, md, takes }) => [
    [0, takes('main', int, [md])],
    [3, takes('pick', int, [int])],
  ],
});
const PICK = IDS.two;
const picks: NonNullable<Load['btf']> = ({ int, takes }) => [[0, takes('ext', int, [int])]];
const own = (_w: World, attach = FENTRY): Load => withPick(onKernel(ids.good, { attach }));
const ownTracepoint = (): Load => withPick(onKernel(ids.traceType, { attach: RAW_TP }));

const PROTOTYPES: readonly LoadCheck[] = [
  ['no BTF', (w) => ({ type: EXT, target: w.target(), btfId: IDS.main }), EINVAL, 'Program extension requires BTF'],
  ['a static function of its own', extension(({ int, md, takes }) => [[0, takes('ext', int, [md], BTF_FUNC_STATIC)]]), EINVAL, 'ext() is not a global function'],
  ['a static function of the target', extension(({ int, takes }) => [[0, takes('ext', int, [int])]], { btfId: IDS.hidden }), EINVAL, 'hidden() is not a global function'],
  ['another number of arguments', extension(({ int, md, takes }) => [[0, takes('ext', int, [md, int])]]), EINVAL, 'ext() has 2 args while main() has 1 args'],
  ['another kind of result', extension(({ voidPtr, md, takes }) => [[0, takes('ext', voidPtr, [md])]]), EINVAL, "Return type PTR of ext() doesn't match type INT of main()"],
  [
    'a result that is no scalar, as the target’s main function may have one',
    (w) => ({
      type: EXT,
      target: w.loaded({ type: XDP, btf: ({ voidPtr, md, takes }) => [[0, takes('main', voidPtr, [md])]] }),
      btfId: IDS.main,
      btf: ({ voidPtr, md, takes }) => [[0, takes('ext', voidPtr, [md])]],
    }),
    EINVAL,
    "Global function ext() doesn't return scalar. Only those are supported.",
  ],
  ['another kind of argument', extension(({ int, takes }) => [[0, takes('ext', int, [int])]]), EINVAL, 'arg0 in ext() is INT while main() has PTR'],
  ['a wider argument', extension(({ int, takes }) => [[0, takes('ext', int, [int])]], { btfId: IDS.wide }), EINVAL, 'arg0 in ext() has size 4 while wide() has 8'],
  ['a pointer to something else than a structure', extension(({ int, intPtr, takes }) => [[0, takes('ext', int, [intPtr])]]), EINVAL, 'arg0 in ext() is not a pointer to context'],
  ['another context', extension(({ int, skb, takes }) => [[0, takes('ext', int, [skb])]]), EINVAL, "arg0 ext(struct __sk_buff *) doesn't match main(struct xdp_md *)"],
]; // prettier-ignore

const CONTEXT: readonly LoadCheck[] = [
  ['a word that is not at its start', () => onKernel(ids.good, { code: `r0 = *(u32 *)(r1 + 4)\n${RETURN_0}` }), EACCES, "func 't_good' offset 4 is not multiple of 8"],
  ['an argument too many', () => onKernel(ids.good, { code: `r0 = *(u64 *)(r1 + 16)\n${RETURN_0}` }), EACCES, "func 't_good' doesn't have 3-th argument"],
  ['the result of a function that has none', () => onKernel(ids.noResult, { attach: FEXIT, code: `r0 = *(u64 *)(r1 + 8)\n${RETURN_0}` }), EACCES, "func 't_void' arg1 '(anon)' has type UNKNOWN. Only pointer access is allowed"],
  ['a pointer to an int', () => onKernel(ids.toInt, { code: `r0 = *(u64 *)(r1 + 0)\n${RETURN_0}` }), EACCES, "func 't_to_int' arg0 type INT is not a struct"],
  ['a write to a structure of the kernel', () => onKernel(ids.toInt, { code: `r2 = *(u64 *)(r1 + 8)\n*(u64 *)(r2 + 0) = r1\n${RETURN_0}` }), EACCES, 'only read is supported'],
  ['a read behind a structure', () => onKernel(ids.toInt, { code: `r2 = *(u64 *)(r1 + 8)\nr0 = *(u64 *)(r2 + 8)\n${RETURN_0}` }), EACCES, 'access beyond struct box at off 8 size 8'],
  ['a write to the context', () => onKernel(ids.good, { code: `*(u64 *)(r1 + 0) = r1\n${RETURN_0}` }), EACCES, 'invalid bpf_context access off=0 size=8'],
  ['a thirteenth argument of a raw tracepoint', () => ({ type: RAW_TRACEPOINT, code: `r0 = *(u64 *)(r1 + 96)\n${RETURN_0}` }), EACCES, 'invalid bpf_context access off=96 size=8'],
  ['half of the buffer pointer of a writable one', () => ({ type: WRITABLE, code: `r0 = *(u32 *)(r1 + 0)\n${RETURN_0}` }), EACCES, 'invalid bpf_context access off=0 size=4'],
  ['an extension that writes to packets', extension(fits, { code: packetWrite('*(u8 *)(r2 + 0) = r3') }), EACCES, 'cannot write into packet'],
]; // prettier-ignore

/** Loads data and data_end, checks for one byte, then does something to it. */
function packetWrite(what: string): string {
  return `
    r2 = *(u32 *)(r1 + 0)
    r4 = *(u32 *)(r1 + 4)
    r5 = r2
    r5 += 1
    r3 = 0
    if r5 > r4 goto out
    ${what}
    out: ${RETURN_0}`;
}

const BUFFER: readonly LoadCheck[] = [
  ['a place below the buffer', () => ({ type: WRITABLE, code: `r2 = *(u64 *)(r1 + 0)\nr0 = *(u32 *)(r2 - 4)\n${RETURN_0}` }), EACCES, 'R2 invalid tracepoint buffer access: off=-4, size=4'],
  ['a place that is not known', () => ({ type: WRITABLE, code: `r2 = *(u64 *)(r1 + 0)\nr3 = *(u64 *)(r1 + 8)\nr3 &= 4\nr2 += r3\nr0 = *(u32 *)(r2 + 0)\n${RETURN_0}` }), EACCES, 'R2 invalid variable buffer offset: off=0, var_off=(0x0; 0x4)'],
]; // prettier-ignore

describe.each([
  ['before the verifier', BEFORE_THE_VERIFIER],
  ['what to attach to', TARGETS],
  ['prototypes of extensions', PROTOTYPES],
  ['the context', CONTEXT],
  ['the buffer of writable tracepoints', BUFFER],
])('loading: %s', (_group, checks) => {
  it.each(checks)('%s', (_check, make, errno, message) => {
    const w = setUp();
    const { ret, said } = w.load(make(w));
    expect(ret, said.join('\n')).toBe(-errno);
    if (message === undefined) expect(said).toEqual([]);
    else expect(said.join('\n')).toContain(message);
  });

  it.each(checks)('and without the right: %s', (_check, make) => {
    // Who may load is asked before all but the types of single fields; targets need the right themselves.
    const what = ((): Load | undefined => {
      const w = setUp();
      const load = make(w);
      return (load.target ?? 0) === 0 ? load : undefined;
    })();
    if (what === undefined) return;
    const { load } = setUp({ uid: 1000 });
    const { btf: _none, ...plain } = what;
    expect(load(plain).ret).toBe(-EPERM);
  });
});

it('a kernel function without an address', () => {
  const w = setUp();
  const gone = parseBtf(VMLINUX.bytes).findByName('t_good');
  expect(gone).toBe(ids.good);
  const { load } = w;
  w.kernel.state.text.byName = () => undefined;
  w.kernel.state.text.define = () => ({ name: 't_good', addr: 0n, entry: undefined });
  const { ret, said } = load(onKernel(ids.good));
  expect([ret, said]).toEqual([-ENOENT, ['The address of function t_good cannot be found']]);
});

describe('what loads', () => {
  const good: readonly (readonly [string, (w: World) => Load])[] = [
    ['fentry on a kernel function', () => onKernel(ids.good, { code: `r0 = *(u64 *)(r1 + 8)\n${RETURN_0}` })],
    ['fexit, which sees the result', () => onKernel(ids.good, { attach: FEXIT, code: `r0 = *(u64 *)(r1 + 16)\n${RETURN_0}` })],
    ['fentry on a function of seven arguments', () => onKernel(ids.seven)],
    ['a BTF-typed raw tracepoint', () => onKernel(ids.traceType, { attach: RAW_TP, code: `r0 = *(u64 *)(r1 + 0)\n${RETURN_0}` })],
    ['fentry on a static function', (w) => fentryOn(w.target(), IDS.hidden)],
    ['fentry on a program whose BTF lies', (w) => fentryOn(w.liar())],
    ['an extension', extension(fits)],
    ['an extension that reads packets', extension(fits, { code: packetWrite('r0 = *(u8 *)(r2 + 0)') })],
    ['an extension whose result another range than the target’s has', extension(fits, { code: 'r0 = 1000\nexit' })],
    ['an extension of a function of a BTF-typed raw tracepoint', (w) => ({ type: EXT, target: w.loaded(ownTracepoint()), btfId: PICK, btf: picks })],
    ['a writable tracepoint, with any offset', () => ({ type: WRITABLE, code: `r2 = *(u64 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 4000)\n${RETURN_0}` })],
  ]; // prettier-ignore
  it.each(good)('%s', (_, make) => {
    const w = setUp();
    const { ret, said } = w.load(make(w));
    expect(ret, said.join('\n')).toBeGreaterThan(0);
  });
});

type OpenCheck = readonly [check: string, open: (w: World) => number, errno: number];

/** Reads so many bytes of a raw tracepoint's arguments. */
const rawTp = (w: World, upTo: number): number =>
  w.loaded({ type: RAW_TRACEPOINT, code: upTo === 0 ? RETURN_0 : `r0 = *(u64 *)(r1 + ${upTo - 8})\n${RETURN_0}` });
const writes = (w: World, upTo: number): number =>
  w.loaded({ type: WRITABLE, code: `r2 = *(u64 *)(r1 + 0)\nr3 = 0\n*(u8 *)(r2 + ${upTo - 1}) = r3\n${RETURN_0}` });
/** The last of several opens; those before succeed. */
function after(w: World, first: readonly number[], last: number): number {
  for (const prog of first) expect(w.open(prog)).toBeGreaterThan(0);
  return w.open(last);
}
const times = (n: number, make: () => number): number[] => Array.from({ length: n }, make);

const OPENS: readonly OpenCheck[] = [
  ['an fd that is none', (w) => w.open(999), EBADF],
  ['an fd that is no program', (w) => w.open(aMap(w)), EINVAL],
  ['a program of another type', (w) => w.open(w.loaded({ type: XDP }), 'sched_switch'), EINVAL],
  ['a classifier', (w) => w.open(w.loaded({ type: SCHED_CLS }), 'sched_switch'), EINVAL],
  ['no name', (w) => w.open(rawTp(w, 0)), EFAULT],
  ['a tracepoint that is not there', (w) => w.open(rawTp(w, 0), 'no_such'), ENOENT],
  ['an argument that the tracepoint does not have', (w) => w.open(rawTp(w, 32), 'sched_switch'), EINVAL],
  ['the same program twice', (w) => { const prog = rawTp(w, 24); w.open(prog, 'sched_switch'); return w.open(prog, 'sched_switch'); }, EEXIST],
  ['a byte behind the buffer of nbd_send_request', (w) => w.open(writes(w, 29), 'nbd_send_request'), EINVAL],
  ['a byte behind the error of bpf_test_finish', (w) => w.open(writes(w, 5), 'bpf_test_finish'), EINVAL],
  ['a buffer that the tracepoint does not have', (w) => w.open(writes(w, 1), 'sched_switch'), EINVAL],
  ['a name for fentry', (w) => w.open(w.loaded(onKernel(ids.good)), 't_good'), EINVAL],
  ['a name for a BTF-typed raw tracepoint', (w) => w.open(w.loaded(ownTracepoint()), 't_event'), EINVAL],
  ['a name for an extension', (w) => w.open(w.loaded(extension(fits)(w)), 'main'), EINVAL],
  ['a BTF-typed raw tracepoint twice', (w) => { const prog = w.loaded(ownTracepoint()); w.open(prog); return w.open(prog); }, EEXIST],
  ['fentry twice', (w) => { const prog = w.loaded(onKernel(ids.good)); return after(w, [prog], prog); }, EBUSY],
  ['the 41st fentry or fexit program', (w) => after(w, times(40, () => w.loaded(onKernel(ids.good))), w.loaded(onKernel(ids.good, { attach: FEXIT }))), E2BIG],
  ['seven arguments', (w) => w.open(w.loaded(onKernel(ids.seven))), ENOTSUPP],
  ['a second extension of a function', (w) => { const target = w.target(); return after(w, [w.loaded(extension(fits, { target })(w))], w.loaded(extension(fits, { target })(w))); }, EBUSY],
  ['an extension of a function that is traced', (w) => { const target = w.target(); return after(w, [w.loaded(fentryOn(target))], w.loaded(extension(fits, { target })(w))); }, EBUSY],
  ['fentry on a function that is replaced', (w) => { const target = w.target(); return after(w, [w.loaded(extension(fits, { target })(w))], w.loaded(fentryOn(target))); }, EBUSY],
  ['fexit on a function that is replaced', (w) => { const target = w.target(); return after(w, [w.loaded(extension(fits, { target })(w))], w.loaded(fentryOn(target, IDS.main, FEXIT))); }, EBUSY],
]; // prettier-ignore

describe('attaching', () => {
  it.each(OPENS)('%s', (_check, open, errno) => expect(open(setUp())).toBe(-errno));

  const good: readonly (readonly [string, (w: World) => number])[] = [
    ['the last argument of a tracepoint', (w) => w.open(rawTp(w, 24), 'sched_switch')],
    ['the whole buffer of nbd_send_request', (w) => w.open(writes(w, 28), 'nbd_send_request')],
    ['the error of bpf_test_finish', (w) => w.open(writes(w, 4), 'bpf_test_finish')],
    ['a writable program that leaves the buffer alone, anywhere', (w) => w.open(w.loaded({ type: WRITABLE }), 'sched_switch')],
    ['the 40th fentry or fexit program', (w) => after(w, times(39, () => w.loaded(onKernel(ids.good))), w.loaded(onKernel(ids.good)))],
    ['fentry on an extension that is attached', (w) => after(w, [w.loaded(extension(fits)(w))], w.loaded(fentryOn(w.loaded(extension(fits)(w)), IDS.main)))],
    ['extensions of two functions of a program', (w) => {
      const target = w.target();
      const two: Load['btf'] = ({ int, md, takes }) => [[0, takes('ext', int, [md, int])]];
      return after(w, [w.loaded(extension(fits, { target })(w))], w.loaded(extension(two, { target, btfId: IDS.two })(w)));
    }],
  ]; // prettier-ignore
  it.each(good)('%s is fine', (_what, open) => expect(open(setUp())).toBeGreaterThan(0));

  it('what is closed makes room', () => {
    const w = setUp();
    const target = w.target();
    const [traces, replaces] = [w.loaded(fentryOn(target)), w.loaded(extension(fits, { target })(w))];
    const link = w.open(traces);
    expect(w.open(replaces)).toBe(-EBUSY);
    w.kernel.close(link);
    const extended = w.open(replaces);
    expect(extended).toBeGreaterThan(0);
    w.kernel.close(extended);
    expect(w.open(traces)).toBeGreaterThan(0);
  });
});
