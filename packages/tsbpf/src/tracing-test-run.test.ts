// SPDX-License-Identifier: MIT
// BPF_PROG_TEST_RUN and tracing: no such program has a test run of its own in 5.6 (TRACING got one with 5.7), but every
// test run of a packet program calls six functions for fentry and fexit, and ends with a tracepoint that may change its
// result.
import { describe, expect, it } from 'vitest';
import { assembleSource, encodeInsns } from '@tsbpf/insn';
import { BTF_KIND_FUNC, BTF_KIND_TYPEDEF, parseBtf } from '@tsbpf/btf';
import { vmlinuxBtf } from '@tsbpf/vmlinux';
import {
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_FLOW_DISSECTOR,
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_PERF_EVENT,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_TRACEPOINT,
  BPF_PROG_TYPE_TRACING,
  BPF_PROG_TYPE_XDP,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_TRACE_FENTRY,
  BPF_TRACE_FEXIT,
  BPF_TRACE_RAW_TP,
  createKernel,
  ENOTSUPP,
  EPERM,
  type CreateKernelOptions,
  type EngineName,
  type ProgLoadAttr,
} from './index.ts';

const btf = parseBtf(vmlinuxBtf());
const func = (name: string): number => btf.findByName(name, BTF_KIND_FUNC) ?? 0;
const FRAME = new Uint8Array(64);
const RETURN_0 = 'r0 = 0\nexit';

function setUp(options: CreateKernelOptions = {}) {
  const kernel = createKernel(options);
  const load = (prog_type: number, more: Partial<ProgLoadAttr> = {}, code = RETURN_0, maps = {}): number => {
    const insns = encodeInsns(assembleSource(code, { maps }).insns);
    const fd = kernel.bpf(BPF_PROG_LOAD, { prog_type, insns, license: 'GPL', ...more });
    expect(fd).toBeGreaterThan(0);
    return fd;
  };
  const run = (prog_fd: number, more: object = {}): { ret: number; retval: number | undefined } => {
    const attr: { prog_fd: number; data_in: Uint8Array; retval?: number } = { prog_fd, data_in: FRAME, ...more };
    const ret = kernel.bpf(BPF_PROG_TEST_RUN, attr);
    return { ret, retval: attr.retval };
  };
  return { kernel, load, run };
}

const TYPES: readonly (readonly [string, number, Partial<ProgLoadAttr>])[] = [
  ['kprobe', BPF_PROG_TYPE_KPROBE, {}],
  ['tracepoint', BPF_PROG_TYPE_TRACEPOINT, {}],
  ['perf_event', BPF_PROG_TYPE_PERF_EVENT, {}],
  ['raw tracepoint', BPF_PROG_TYPE_RAW_TRACEPOINT, {}],
  ['writable raw tracepoint', BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, {}],
  [
    'fentry',
    BPF_PROG_TYPE_TRACING,
    { expected_attach_type: BPF_TRACE_FENTRY, attach_btf_id: func('bpf_fentry_test1') },
  ],
  ['fexit', BPF_PROG_TYPE_TRACING, { expected_attach_type: BPF_TRACE_FEXIT, attach_btf_id: func('bpf_fentry_test1') }],
  [
    'BTF-typed raw tracepoint',
    BPF_PROG_TYPE_TRACING,
    {
      expected_attach_type: BPF_TRACE_RAW_TP,
      attach_btf_id: btf.findByName('btf_trace_sched_switch', BTF_KIND_TYPEDEF) ?? 0,
    },
  ],
];

describe('no test run', () => {
  it.each(TYPES)('of %s', (_name, type, more) => {
    const { load, run } = setUp();
    expect(run(load(type, more)).ret).toBe(-ENOTSUPP);
    expect(run(load(type, more), { repeat: 5 }).ret).toBe(-ENOTSUPP);
  });

  it('without the right, of anything', () => {
    const { kernel, load, run } = setUp();
    const fds = TYPES.map(([, type, more]) => load(type, more));
    kernel.state.env.current = { ...kernel.state.env.current, caps: new Set() };
    for (const fd of fds) expect(run(fd).ret).toBe(-EPERM);
  });
});

/** The arguments of bpf_fentry_test1 to 6, and what they return. */
const CALLS: readonly (readonly [args: readonly bigint[], ret: bigint])[] = [
  [[1n], 2n],
  [[2n, 3n], 5n],
  [[4n, 5n, 6n], 15n],
  [[7n, 8n, 9n, 10n], 34n],
  [[11n, 12n, 13n, 14n, 15n], 65n],
  [[16n, 17n, 18n, 19n, 20n, 21n], 111n],
];

const RUNNERS: readonly (readonly [string, number])[] = [
  ['XDP', BPF_PROG_TYPE_XDP],
  ['a classifier', BPF_PROG_TYPE_SCHED_CLS],
  ['a flow dissector', BPF_PROG_TYPE_FLOW_DISSECTOR],
];

describe.each<[EngineName]>([['interpreter'], ['jit']])('on the %s, a test run', (engine) => {
  it.each(RUNNERS)('of %s calls six functions, whose arguments and results programs see', (_name, type) => {
    const { kernel, load, run } = setUp({ engine });
    const saw = CALLS.map(([args], i) => {
      const map = kernel.bpf(BPF_MAP_CREATE, {
        map_type: BPF_MAP_TYPE_ARRAY,
        key_size: 4,
        value_size: 128,
        max_entries: 1,
      });
      for (const attach of [BPF_TRACE_FENTRY, BPF_TRACE_FEXIT]) {
        const words = attach === BPF_TRACE_FEXIT ? args.length + 1 : args.length;
        const at = attach === BPF_TRACE_FEXIT ? 64 : 0;
        const copy = Array.from(
          { length: words },
          (_, w) => `r3 = *(u64 *)(r1 + ${8 * w})\n*(u64 *)(r2 + ${8 * w}) = r3`,
        );
        const code = `lddw r2, saw[0]+${at}\n${copy.join('\n')}\nr0 = 0\nexit`;
        const prog_fd = load(
          BPF_PROG_TYPE_TRACING,
          { expected_attach_type: attach, attach_btf_id: func(`bpf_fentry_test${i + 1}`) },
          code,
          { saw: map },
        );
        expect(kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd })).toBeGreaterThan(0);
      }
      return (half: number): bigint[] => {
        const value = new Uint8Array(128);
        kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: map, key: new Uint8Array(4), value });
        return [...new BigUint64Array(value.buffer)].slice(8 * half);
      };
    });
    const prog = load(type);
    expect(run(prog).ret).toBe(0);
    CALLS.forEach(([args, ret], i) => {
      expect(saw[i](0).slice(0, args.length), `bpf_fentry_test${i + 1}`).toEqual(args);
      expect(saw[i](1).slice(0, args.length + 1), `bpf_fentry_test${i + 1}`).toEqual([...args, ret]);
    });
    const { runs } = kernel.tracing.runs.during(() => run(prog, { repeat: 3 }));
    // Once for the test run, not for each repetition.
    expect(runs).toHaveLength(12);
  });

  it.each(RUNNERS)('of %s ends with bpf_test_finish, which may change the error', (_name, type) => {
    const { kernel, load, run } = setUp({ engine });
    const prog_fd = load(
      BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
      {},
      `r2 = *(u64 *)(r1 + 0)\nr3 = *(u32 *)(r2 + 0)\nif r3 != 0 goto out\nr3 = -4\n*(u32 *)(r2 + 0) = r3\nout: ${RETURN_0}`,
    );
    const link = kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd, name: 'bpf_test_finish' });
    expect(link).toBeGreaterThan(0);
    const prog = load(type);
    expect(run(prog).ret).toBe(-4);
    kernel.close(link);
    expect(run(prog).ret).toBe(0);
  });
});
