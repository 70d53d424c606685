// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_TRACING, BPF_PROG_TYPE_XDP } from '@tsbpf/uapi';
import { newerKfunc, newerMap, newerProg } from './newer.ts';

const kernel = (release: string) => ({
  uname: () => ({ sysname: 'Linux', release, version: '#1', machine: 'x86_64' }),
});
const old = kernel('5.6.4');

const [RINGBUF, ARRAY, LSM] = [27, 2, 29];
const [PRESERVE_ELEMS, SLEEPABLE] = [1 << 11, 1 << 4];
const [TRACE_FENTRY, TRACE_ITER, TRACE_KPROBE_MULTI, XDP] = [24, 28, 42, 37];

describe('what a kernel is too old for', () => {
  it('names map types and their flags', () => {
    expect(newerMap(old, { type: RINGBUF, mapFlags: 0 })).toBe(
      'BPF_MAP_TYPE_RINGBUF is since Linux 5.8, and this kernel is 5.6.4',
    );
    expect(newerMap(old, { type: ARRAY, mapFlags: PRESERVE_ELEMS })).toMatch(
      /^BPF_F_PRESERVE_ELEMS is since Linux 5\.10/,
    );
    expect(newerMap(old, { type: ARRAY, mapFlags: 0 })).toBeUndefined();
    expect(newerMap(kernel('5.8.0'), { type: RINGBUF, mapFlags: 0 })).toBeUndefined();
  });

  it('names program types, attach types and flags', () => {
    const prog = { type: BPF_PROG_TYPE_TRACING, expectedAttachType: TRACE_FENTRY, progFlags: 0 };
    expect(newerProg(old, prog)).toBeUndefined();
    expect(newerProg(old, { ...prog, type: LSM })).toMatch(/^BPF_PROG_TYPE_LSM is since Linux 5\.7/);
    expect(newerProg(old, { ...prog, expectedAttachType: TRACE_ITER })).toMatch(/^BPF_TRACE_ITER is since Linux 5\.8/);
    expect(newerProg(old, { ...prog, progFlags: SLEEPABLE })).toMatch(/^BPF_F_SLEEPABLE is since Linux 5\.10/);
    expect(newerProg(kernel('6.1.0-13-amd64'), { ...prog, expectedAttachType: TRACE_ITER })).toBeUndefined();
  });

  it('does not blame attach types that old kernels do not look at', () => {
    const xdp = { type: BPF_PROG_TYPE_XDP, expectedAttachType: XDP, progFlags: 0 };
    expect(newerProg(old, xdp)).toBeUndefined();
    const kprobe = { type: BPF_PROG_TYPE_KPROBE, expectedAttachType: TRACE_KPROBE_MULTI, progFlags: 0 };
    expect(newerProg(old, kprobe)).toBeUndefined();
  });

  it('names kernel functions', () => {
    expect(newerKfunc(old)).toMatch(/kfunc.* is since Linux 5\.13/);
    expect(newerKfunc(kernel('5.13.0'))).toBeUndefined();
  });
});
