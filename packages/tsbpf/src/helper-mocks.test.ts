// SPDX-License-Identifier: MIT
// Helpers replaced and watched by a test: per helper, per map, per program, on both engines.
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  alu64Imm,
  alu64Reg,
  callHelper,
  exit,
  jmpImm,
  ldMapFd,
  ldxMem,
  mov64Imm,
  mov64Reg,
  program,
  stMem,
  type ProgramItem,
} from '@tsbpf/insn';
import {
  BPF_ADD,
  BPF_DW,
  BPF_JEQ,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_XDP,
  ENOMEM,
  ExpectationError,
  NotSupportedError,
  UsageError,
  createKernel,
  createMap,
  defaultRegistries,
  encodeInsns,
  mockHelpers,
  type MapRef,
  type SeenCall,
  type SimulatedKernel,
} from './index.ts';

const engines = ['interpreter', 'jit'] as const;

function load(
  kernel: SimulatedKernel,
  items: readonly ProgramItem[],
  name = 'prog',
  prog_type: number = BPF_PROG_TYPE_XDP,
): () => number {
  const log_buf = new Uint8Array(8192);
  const insns = encodeInsns(program(...items));
  const attr = { prog_type, prog_name: name, insns, license: 'GPL', log_level: 1, log_buf };
  const prog_fd = kernel.bpf(BPF_PROG_LOAD, attr);
  expect(prog_fd, new TextDecoder().decode(log_buf)).toBeGreaterThan(0);
  return () => {
    const run = { prog_fd, data_in: new Uint8Array(64), retval: 0 };
    expect(kernel.bpf(BPF_PROG_TEST_RUN, run)).toBe(0);
    return run.retval | 0;
  };
}

const hash = (kernel: SimulatedKernel, name: string, type = 1) =>
  createMap<number, bigint>(kernel, { name, type, keySize: 4, valueSize: 8, maxEntries: 8 });
const stack = (register: number, at: number): ProgramItem[] => [
  mov64Reg(register, 10),
  alu64Imm(BPF_ADD, register, at),
];
/** bpf_map_update_elem(map, &1, &5, 0) */
const update = (fd: number): ProgramItem[] => [
  stMem(BPF_DW, 10, -8, 1),
  stMem(BPF_DW, 10, -16, 5),
  ...stack(2, -8),
  ...stack(3, -16),
  mov64Imm(4, 0),
  ...ldMapFd(1, fd),
  callHelper(2),
];
/** *(u64 *)bpf_map_lookup_elem(map, &1), or -1 */
const lookup = (fd: number): ProgramItem[] => [
  stMem(BPF_DW, 10, -8, 1),
  ...stack(2, -8),
  ...ldMapFd(1, fd),
  callHelper(1),
  jmpImm(BPF_JEQ, 0, 0, 'none'),
  ldxMem(BPF_DW, 0, 0, 0),
  exit(),
  'none',
  mov64Imm(0, -1),
  exit(),
];

describe.each(engines)('on the %s, mocks', (engine) => {
  it('answer for a helper, once or always, and let it be again', () => {
    const kernel = createKernel({ engine });
    const run = load(kernel, [callHelper(8), exit()]);
    expect(run()).toBe(0);
    const mocks = mockHelpers(kernel);
    const cpu = mocks.helper('bpf_get_smp_processor_id').returnsOnce(7, 8).returns(9);
    expect([run(), run(), run(), run()]).toEqual([7, 8, 9, 9]);
    expect(cpu.calls.map(({ result }) => result)).toEqual([7n, 8n, 9n, 9n]);
    mocks.verify();
    mocks.restore();
    expect(run()).toBe(0);
    expect(cpu.calls).toHaveLength(4);
  });

  it('answer for one map and leave the others', () => {
    const kernel = createKernel({ engine });
    const [a, b] = [hash(kernel, 'a'), hash(kernel, 'b')];
    const mocks = mockHelpers(kernel);
    const full = mocks.helper('bpf_map_update_elem', { map: 'a' }).returns(-ENOMEM);
    const watched = mocks.helper('bpf_map_update_elem', { map: b });
    const run = load(kernel, [...update(a.fd), mov64Reg(6, 0), ...update(b.fd), alu64Reg(BPF_ADD, 0, 6), exit()]);
    expect(run()).toBe(-ENOMEM);
    expect([...a, ...b]).toEqual([[1, 5n]]);
    expect(full.calls).toHaveLength(1);
    const [seen] = watched.calls;
    expect(seen).toMatchObject({ helper: 'bpf_map_update_elem', map: { name: 'b' }, prog: 'prog', cpu: 0, result: 0n });
    expect(seen?.args).toEqual([
      { name: 'b', id: b.info().id, type: 1 },
      Uint8Array.of(1, 0, 0, 0),
      Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0),
      0n,
    ]);
  });

  it.each([1, 2, 5, 6, 9])('answer lookups in a map of type %i, with bytes or NULL', (type) => {
    const kernel = createKernel({ engine });
    const [a, b] = [hash(kernel, 'a', type), hash(kernel, 'b', type)];
    const mocks = mockHelpers(kernel);
    const found = mocks.helper('bpf_map_lookup_elem', { map: a }).returns(Uint8Array.of(9, 1, 0, 0, 0, 0, 0, 0));
    const none = mocks.helper('bpf_map_lookup_elem', { map: b });
    const [runA, runB] = [load(kernel, lookup(a.fd)), load(kernel, lookup(b.fd))];
    expect(runA()).toBe(0x109);
    expect(runB()).toBe(type === 2 || type === 6 ? 0 : -1);
    found.returns(undefined);
    expect(runA()).toBe(-1);
    expect([found.calls.length, none.calls.length]).toEqual([2, 1]);
    mocks.restore();
    expect(runA()).toBe(type === 2 || type === 6 ? 0 : -1);
  });

  it('answer by a function that may ask the helper, and write what it would', () => {
    const kernel = createKernel({ engine });
    const run = load(
      kernel,
      [
        stMem(BPF_DW, 10, -8, 0),
        mov64Reg(6, 1),
        mov64Imm(2, 0),
        ...stack(3, -8),
        mov64Imm(4, 4),
        mov64Reg(1, 6),
        callHelper(26),
        ldxMem(BPF_DW, 0, 10, -8),
        exit(),
      ],
      'cls',
      BPF_PROG_TYPE_SCHED_CLS,
    );
    expect(run()).toBe(0);
    const mocks = mockHelpers(kernel);
    const load4 = mocks.helper('bpf_skb_load_bytes', { prog: 'cls' }).answers((call) => {
      expect(call.original()).toBe(0n);
      expect(call.args.slice(1)).toEqual([0n, Uint8Array.of(0, 0, 0, 0), 4]);
      call.write(3, Uint8Array.of(42));
      expect(() => call.write(3, new Uint8Array(5))).toThrow('5 bytes do not fit argument 3, which points at 4');
      return 0;
    });
    expect(run()).toBe(42);
    expect(load4.calls).toHaveLength(1);
    const other = mocks.helper('bpf_skb_load_bytes', { prog: 'another' }).returns(-1);
    expect(run()).toBe(42);
    expect(other.calls).toHaveLength(0);
  });

  it('give a helper a body that has none', () => {
    const rows = defaultRegistries();
    const helpers = rows.helpers.map(({ impl, ...row }) =>
      row.variant === 'bpf_skb_get_xfrm_state' || impl === undefined ? row : { ...row, impl },
    );
    const kernel = createKernel({ engine, registries: { ...rows, helpers } });
    const mocks = mockHelpers(kernel);
    mocks.helper('bpf_skb_get_xfrm_state').returns(-3);
    const xfrm = [
      ...stack(3, -24),
      stMem(BPF_DW, 10, -24, 0),
      stMem(BPF_DW, 10, -16, 0),
      stMem(BPF_DW, 10, -8, 0),
      mov64Imm(2, 0),
      mov64Imm(4, 24),
      mov64Imm(5, 0),
      callHelper(66),
      exit(),
    ];
    const run = load(kernel, xfrm, 'p', BPF_PROG_TYPE_SCHED_CLS);
    expect(run()).toBe(-3);
    mocks.restore();
    expect(run).toThrow(NotSupportedError);
  });
});

describe('expectations', () => {
  it('name what was not met', () => {
    const kernel = createKernel();
    const mocks = mockHelpers(kernel);
    mocks.helper('bpf_ktime_get_ns').times(2);
    mocks.helper('bpf_map_update_elem', { map: 'stats' }).atLeast(1);
    mocks.helper('bpf_get_prandom_u32', { prog: 'dice' }).never();
    const run = load(kernel, [callHelper(5), callHelper(7), exit()], 'dice');
    run();
    const failing = (): void => mocks.verify();
    expect(failing).toThrow(ExpectationError);
    expect(failing).toThrow('bpf_ktime_get_ns: expected 2 calls, saw 1');
    expect(failing).toThrow("bpf_map_update_elem on map 'stats': expected at least 1 call, saw 0");
    expect(failing).toThrow("bpf_get_prandom_u32 by prog 'dice': expected 0 calls, saw 1");
    expect(() => mocks[Symbol.dispose]()).toThrow('3 expectations were not met');
    // The helpers are back.
    mocks.verify();
  });

  it('are met by what comes', () => {
    const kernel = createKernel();
    const run = load(kernel, [callHelper(5), exit()]);
    const mocks = mockHelpers(kernel);
    mocks.helper('bpf_ktime_get_ns').atLeast(1).times(2);
    run();
    run();
    mocks[Symbol.dispose]();
  });
});

describe('mocks that cannot work', () => {
  it('say so', () => {
    const kernel = createKernel();
    const map = hash(kernel, 'a');
    const mocks = mockHelpers(kernel);
    expect(() => mocks.helper('bpf_no_such' as 'bpf_bind')).toThrow('bpf_no_such is no helper');
    expect(() => mocks.helper('bpf_ktime_get_ns', { map: 'a' })).toThrow('takes no map');
    load(kernel, lookup(map.fd), 'inlines');
    expect(() => mocks.helper('bpf_map_lookup_elem')).toThrow(UsageError);
    expect(() => mocks.helper('bpf_map_lookup_elem')).toThrow("prog 'inlines' was loaded with its lookups in line");
  });
});

it('types follow the prototype', () => {
  const mocks = mockHelpers(createKernel());
  const update1 = mocks.helper('bpf_map_update_elem');
  expectTypeOf(update1.calls).toEqualTypeOf<readonly SeenCall<'bpf_map_update_elem'>[]>();
  expectTypeOf<SeenCall<'bpf_map_update_elem'>['args']>().toEqualTypeOf<[MapRef, Uint8Array, Uint8Array, bigint]>();
  expectTypeOf(mocks.helper('bpf_map_lookup_elem').returns)
    .parameter(0)
    .toEqualTypeOf<bigint | Uint8Array | undefined>();
  expectTypeOf(mocks.helper('bpf_ktime_get_ns').returns).parameter(0).toEqualTypeOf<number | bigint>();
});
