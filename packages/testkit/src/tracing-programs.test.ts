// SPDX-License-Identifier: MIT
// Tracing programs through the whole kernel: verified, rewritten, attached by system calls, run by the interpreter.
import {
  BPF_DW,
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_STACK_TRACE,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_PERF_EVENT,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
  BPF_PROG_TYPE_TRACEPOINT,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_W,
  BPF_ADD,
  EINVAL,
} from '@tsbpf/uapi';
import {
  alu64Imm,
  callHelper,
  encodeInsns,
  exit,
  ldMapFd,
  ldMapValue,
  ldxMem,
  mov64Imm,
  mov64Reg,
  stMem,
  stxMem,
  type Insn,
} from '@tsbpf/insn';
import { mergeRegistries, withDeclaredGaps } from '@tsbpf/core';
import { helperRows, userSpaceOf } from '@tsbpf/helpers';
import { createInterpreter } from '@tsbpf/interpreter';
import { createKernel, type Kernel } from '@tsbpf/kernel';
import { mapTypes } from '@tsbpf/maps';
import { PERF_COUNT_SW_BPF_OUTPUT, PERF_TYPE_SOFTWARE, tracingOf, tracingRegistries } from '@tsbpf/tracing';
import { verify } from '@tsbpf/verifier';
import { vmlinuxBtf } from '@tsbpf/vmlinux';
import { describe, expect, test } from 'vitest';

const [KPROBE_PMU, TRACEPOINT] = [6, 2];
const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);

function boot() {
  const all = mergeRegistries({ mapTypes, helpers: helperRows }, tracingRegistries());
  const sys: Kernel = createKernel({
    version: '5.6',
    registries: { ...all, helpers: withDeclaredGaps(all.helpers) },
    verify,
    executor: (services) => createInterpreter(services, { checked: true }),
    vmlinux: vmlinuxBtf(),
    env: { startNs: 5_000_000_000n },
  });
  return { sys, tracing: tracingOf(sys.state) };
}

function load(sys: Kernel, type: number, insns: readonly Insn[]): number {
  const log_buf = new Uint8Array(65536);
  const attr = { prog_type: type, insns: encodeInsns(insns), license: 'GPL', log_buf, log_level: 1 };
  const fd = sys.bpf(BPF_PROG_LOAD, attr);
  expect(fd, new TextDecoder().decode(log_buf).replace(/\0.*/s, '')).toBeGreaterThan(0);
  return fd;
}

const array = (sys: Kernel, valueBytes: number): number =>
  sys.bpf(BPF_MAP_CREATE, { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: valueBytes, max_entries: 1 });

function words(sys: Kernel, fd: number, count: number): bigint[] {
  const value = new Uint8Array(8 * count);
  expect(sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: fd, key: u32(0), value })).toBe(0);
  return [...new BigUint64Array(value.buffer)];
}

const done = [mov64Imm(0, 1), exit()];

describe('tracing programs', () => {
  test('a raw tracepoint’s arguments reach a map', () => {
    const { sys, tracing } = boot();
    const map = array(sys, 16);
    const prog = load(sys, BPF_PROG_TYPE_RAW_TRACEPOINT, [
      mov64Reg(6, 1),
      ...ldMapValue(7, map, 0),
      ldxMem(BPF_DW, 2, 6, 0),
      stxMem(BPF_DW, 7, 2, 0),
      ldxMem(BPF_W, 2, 6, 8),
      stxMem(BPF_DW, 7, 2, 8),
      ...done,
    ]);
    expect(sys.bpf(BPF_RAW_TRACEPOINT_OPEN, { name: 'sys_enter', prog_fd: prog })).toBeGreaterThan(0);
    tracing.fireTracepoint('sys_enter', [{ off: 0x20000 }, -1]);
    expect(words(sys, map, 2)).toEqual([0xffff888000020000n, 0xffffffffn]);
  });

  test('one argument too many is refused when the program is attached', () => {
    const { sys } = boot();
    const reads = (off: number): number =>
      load(sys, BPF_PROG_TYPE_RAW_TRACEPOINT, [ldxMem(BPF_DW, 2, 1, off), ...done]);
    expect(sys.bpf(BPF_RAW_TRACEPOINT_OPEN, { name: 'sys_enter', prog_fd: reads(8) })).toBeGreaterThan(0);
    expect(sys.bpf(BPF_RAW_TRACEPOINT_OPEN, { name: 'sys_enter', prog_fd: reads(16) })).toBe(-EINVAL);
  });

  test('a writable raw tracepoint changes its buffer', () => {
    const { sys, tracing } = boot();
    const prog = load(sys, BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, [
      ldxMem(BPF_DW, 2, 1, 0),
      stMem(BPF_W, 2, 0, -22),
      ...done,
    ]);
    expect(sys.bpf(BPF_RAW_TRACEPOINT_OPEN, { name: 'bpf_test_finish', prog_fd: prog })).toBeGreaterThan(0);
    const off = sys.state.mem.alloc(4);
    tracing.fireTracepoint('bpf_test_finish', [{ off }]);
    expect(sys.state.mem.readS32(off)).toBe(-22);
  });

  test('a kprobe reads a user string and prints it', () => {
    const { sys, tracing } = boot();
    const fmt = new TextEncoder().encode('open %s\n\0');
    const bytes = [...fmt].map((byte, i) => stMem(0x10, 10, -80 + i, byte));
    const prog = load(sys, BPF_PROG_TYPE_KPROBE, [
      ldxMem(BPF_DW, 3, 1, 104),
      stMem(BPF_DW, 10, -64, 0),
      mov64Reg(1, 10),
      alu64Imm(BPF_ADD, 1, -64),
      mov64Imm(2, 64),
      callHelper(114),
      mov64Reg(6, 0),
      ...bytes,
      mov64Reg(1, 10),
      alu64Imm(BPF_ADD, 1, -80),
      mov64Imm(2, fmt.length),
      mov64Reg(3, 10),
      alu64Imm(BPF_ADD, 3, -64),
      callHelper(6),
      mov64Reg(0, 6),
      exit(),
    ]);
    const perf = sys.perfEventOpen({ type: KPROBE_PMU, config: 0n, path: 'do_sys_open', pid: -1, cpu: 0 });
    expect(sys.perfEventSetBpf(perf, prog)).toBe(0);
    userSpaceOf(sys.state).write(0x7f00_0000_0000n, new TextEncoder().encode('/etc/passwd\0'));
    expect(tracing.fireKprobe('do_sys_open', { args: [0n, 0x7f00_0000_0000n] }).recorded).toBe(false);
    expect(sys.state.env.tracePipe.at(-1)).toMatch(
      /tsbpf-1000 {2}\[000\] d\.\.\. {5}5\.0000\d\d: 0: open \/etc\/passwd$/,
    );
    expect(tracing.fireKprobe('do_sys_open', { args: [0n, 0n] }).recorded).toBe(false);
    expect(sys.state.env.tracePipe.at(-1)).toMatch(/: open $/);
  });

  test('a tracepoint sends samples, with the id of its stack', () => {
    const { sys, tracing } = boot();
    const events = sys.bpf(BPF_MAP_CREATE, {
      map_type: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
      key_size: 4,
      value_size: 4,
      max_entries: 2,
    });
    const stacks = sys.bpf(BPF_MAP_CREATE, {
      map_type: BPF_MAP_TYPE_STACK_TRACE,
      key_size: 4,
      value_size: 8 * 16,
      max_entries: 8,
    });
    const ring = sys.perfEventOpen({ type: PERF_TYPE_SOFTWARE, config: PERF_COUNT_SW_BPF_OUTPUT, pid: -1, cpu: 0 });
    expect(sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: events, key: u32(0), value: u32(ring), flags: 0n })).toBe(0);
    const prog = load(sys, BPF_PROG_TYPE_TRACEPOINT, [
      mov64Reg(6, 1),
      ldxMem(BPF_W, 7, 1, 56),
      ...ldMapFd(2, stacks),
      mov64Imm(3, 0),
      callHelper(27),
      stxMem(BPF_W, 10, 0, -8),
      stxMem(BPF_W, 10, 7, -4),
      mov64Reg(1, 6),
      ...ldMapFd(2, events),
      mov64Imm(3, 0),
      mov64Reg(4, 10),
      alu64Imm(BPF_ADD, 4, -8),
      mov64Imm(5, 8),
      callHelper(25),
      ...done,
    ]);
    const id = sys.readFile('/sys/kernel/tracing/events/sched/sched_switch/id');
    const config = BigInt(new TextDecoder().decode(id as Uint8Array));
    const perf = sys.perfEventOpen({ type: TRACEPOINT, config, pid: -1, cpu: 0 });
    expect(sys.perfEventSetBpf(perf, prog)).toBe(0);
    tracing.stacks.kernel = [0xffffffff81000040n, 0xffffffff81000080n];
    expect(tracing.fireEvent('sched:sched_switch', { next_pid: 4321 })).toBe(true);

    const [record] = tracing.perfEvent(ring).read();
    expect(record?.type).toBe('sample');
    const [stackid = -1, pid] = record?.type === 'sample' ? new Int32Array(record.data.slice(0, 8).buffer) : [];
    expect(pid).toBe(4321);
    const value = new Uint8Array(8 * 16);
    expect(sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: stacks, key: u32(stackid), value })).toBe(0);
    expect([...new BigUint64Array(value.buffer)].slice(0, 3)).toEqual([0xffffffff81000040n, 0xffffffff81000080n, 0n]);
  });

  test('a perf_event program reads its sample through rewritten loads, narrow ones too', () => {
    const { sys, tracing } = boot();
    const map = array(sys, 32);
    const prog = load(sys, BPF_PROG_TYPE_PERF_EVENT, [
      mov64Reg(6, 1),
      ...ldMapValue(7, map, 0),
      ldxMem(BPF_DW, 2, 6, 128),
      stxMem(BPF_DW, 7, 2, 0),
      ldxMem(BPF_DW, 2, 6, 168),
      stxMem(BPF_DW, 7, 2, 8),
      ldxMem(BPF_W, 2, 6, 172),
      stxMem(BPF_DW, 7, 2, 16),
      ldxMem(BPF_W, 2, 6, 176),
      stxMem(BPF_DW, 7, 2, 24),
      mov64Imm(0, 0),
      exit(),
    ]);
    const perf = sys.perfEventOpen({ type: PERF_TYPE_SOFTWARE, config: 0n, pid: -1, cpu: 0 });
    expect(sys.perfEventSetBpf(perf, prog)).toBe(0);
    const sample = { regs: { ip: 0x401234n }, period: 0x1122_3344_5566_7788n, addr: 0xaabb_ccdd_eeff_0011n };
    expect(tracing.fireSample(tracing.perfEvent(perf), sample)).toBe(false);
    // The lower half comes with the upper one: v5.6 masks it with all ones, mended in 6.4.
    expect(words(sys, map, 4)).toEqual([0x401234n, 0x1122_3344_5566_7788n, 0x1122_3344n, 0xaabb_ccdd_eeff_0011n]);
  });
});
