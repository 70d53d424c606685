// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_FLOW_DISSECTOR,
  BPF_PROG_TYPE_LWT_XMIT,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SK_MSG,
  BPF_PROG_TYPE_SOCKET_FILTER,
  E2BIG,
  EINVAL,
  ENOSPC,
  ENOTSUPP,
  type TestRunAttr,
} from '@tsbpf/uapi';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';

const kernel = realKernel();
const frame = (len: number): Uint8Array => {
  const bytes = Uint8Array.from({ length: len }, (_, i) => i & 255);
  if (len >= 14) bytes.set([8, 0], 12);
  return bytes;
};
const run = (type: number, source: string, attr: Omit<TestRunAttr, 'prog_fd'>): [number, TestRunAttr] => {
  const fd = loadAsm(kernel, type, source);
  const full = { prog_fd: fd, ...attr };
  const err = kernel.bpf(BPF_PROG_TEST_RUN, full);
  kernel.close(fd);
  return [err, full];
};
const ctx = (...fields: [off: number, value: number][]): Uint8Array => {
  const bytes = new Uint8Array(176);
  for (const [off, value] of fields) new DataView(bytes.buffer).setUint32(off, value, true);
  return bytes;
};
const LEN = 'r0 = *(u32 *)(r1 + 0)\nexit\n';

describe('skb programs', () => {
  it('of traffic control see the link header, others do not, and get zeroes for it', () => {
    const out = (): Uint8Array => new Uint8Array(64);
    const tc = run(BPF_PROG_TYPE_SCHED_CLS, LEN, { data_in: frame(64), data_out: out() })[1];
    expect([tc.retval, tc.data_size_out, tc.data_out]).toEqual([64, 64, frame(64)]);
    const filter = run(BPF_PROG_TYPE_SOCKET_FILTER, LEN, { data_in: frame(64), data_out: out() })[1];
    expect([filter.retval, filter.data_size_out]).toEqual([50, 64]);
    expect(filter.data_out?.subarray(0, 14)).toEqual(new Uint8Array(14));
    expect(filter.data_out?.subarray(14)).toEqual(frame(64).subarray(14));
  });

  it.each([
    [13, -EINVAL],
    [14, 0],
    [3712, 0],
    [3713, -EINVAL],
  ])('take data of %i bytes: %i', (len, expected) => {
    // The limit is a page less headroom and skb_shared_info, whose size is the simulated kernel's.
    const info = Math.ceil(kernel.state.types.sizeOf('skb_shared_info') / 64) * 64;
    const adjusted = len > 14 ? len + 320 - info : len;
    expect(run(BPF_PROG_TYPE_SCHED_CLS, LEN, { data_in: frame(adjusted) })[0]).toBe(expected);
  });

  it('say what fits', () => {
    const [err, attr] = run(BPF_PROG_TYPE_SCHED_CLS, LEN, { data_in: frame(64), data_out: new Uint8Array(5) });
    expect([err, attr.data_size_out, attr.data_out]).toEqual([-ENOSPC, 64, frame(64).subarray(0, 5)]);
  });

  it('keep cb, mark and the packet from one repeat to the next', () => {
    const source =
      'r2 = *(u32 *)(r1 + 48)\nr2 += 1\n*(u32 *)(r1 + 48) = r2\nr3 = *(u32 *)(r1 + 8)\nr3 += r2\n' +
      '*(u32 *)(r1 + 8) = r3\nr0 = r2\nexit\n';
    const ctx_out = new Uint8Array(176);
    const attr = { data_in: frame(64), repeat: 3, ctx_in: ctx([8, 100], [48, 7]), ctx_out };
    const [err, out] = run(BPF_PROG_TYPE_SCHED_CLS, source, attr);
    expect([err, out.retval, out.ctx_size_out]).toEqual([0, 10, 176]);
    expect(ctx_out).toEqual(ctx([8, 127], [48, 10], [160, 64]));
  });

  it.each<[string, Uint8Array, number]>([
    ['mark', ctx([8, 1]), 0],
    ['priority', ctx([32, 1]), 0],
    ['tstamp', ctx([152, 1], [156, 2]), 0],
    ['gso_segs', ctx([164, 65535]), 0],
    ['too many gso_segs', ctx([164, 65536]), -EINVAL],
    ['wire_len', ctx([160, 64]), 0],
    ['wire_len below the length', ctx([160, 63]), -EINVAL],
    ['wire_len above 65536', ctx([160, 65537]), -EINVAL],
    ['len', ctx([0, 64]), -EINVAL],
    ['ifindex', ctx([40, 1]), -EINVAL],
    ['hash', ctx([68, 1]), -EINVAL],
    ['sk', ctx([168, 1]), -EINVAL],
    ['a longer context of zeroes', new Uint8Array(200), 0],
    ['a longer context', new Uint8Array(200).fill(1, 199), -E2BIG],
    ['a context of more than a page', new Uint8Array(4097), -E2BIG],
    ['a shorter context', new Uint8Array(12), 0],
  ])('context with %s', (_name, ctx_in, expected) => {
    expect(run(BPF_PROG_TYPE_SCHED_CLS, LEN, { data_in: frame(64), ctx_in })[0]).toBe(expected);
  });

  it('hand back what fits of a context', () => {
    const ctx_out = new Uint8Array(12);
    const [err, attr] = run(BPF_PROG_TYPE_SCHED_CLS, LEN, { data_in: frame(64), ctx_in: ctx([8, 5]), ctx_out });
    expect([err, attr.ctx_size_out, ctx_out[8]]).toEqual([-ENOSPC, 176, 5]);
  });

  it('belong to a closed socket', () => {
    const source =
      'r1 = *(u64 *)(r1 + 168)\nif r1 == 0 goto none\ncall 95\nif r0 == 0 goto none\n' +
      'r1 = r0\nr0 = *(u32 *)(r1 + 72)\nexit\nnone:\nr0 = 99\nexit\n';
    expect(run(BPF_PROG_TYPE_SCHED_CLS, source, { data_in: frame(64) })[1].retval).toBe(7);
  });

  it('write to packets that are not shared', () => {
    const source =
      'r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = r2\nr4 += 4\nif r4 > r3 goto out\n' +
      'r5 = 0x11223344\n*(u32 *)(r2 + 0) = r5\nout:\nr0 = 0\nexit\n';
    const [, attr] = run(BPF_PROG_TYPE_LWT_XMIT, source, { data_in: frame(64), data_out: new Uint8Array(64) });
    expect(attr.data_out?.subarray(14, 18)).toEqual(new Uint8Array([0x44, 0x33, 0x22, 0x11]));
  });

  it('leave no memory behind', () => {
    const fd = loadAsm(kernel, BPF_PROG_TYPE_SCHED_CLS, LEN);
    const once = (): number => kernel.bpf(BPF_PROG_TEST_RUN, { prog_fd: fd, data_in: frame(64) });
    expect(once()).toBe(0);
    const before = kernel.state.mem.liveRegions;
    expect(once()).toBe(0);
    expect(kernel.state.mem.liveRegions).toBe(before);
  });
});

describe('flow dissectors', () => {
  const source = (retval: number): string =>
    'r2 = *(u64 *)(r1 + 144)\nr3 = *(u16 *)(r2 + 10)\n*(u16 *)(r2 + 12) = r3\nr3 = *(u32 *)(r2 + 48)\n' +
    '*(u32 *)(r2 + 52) = r3\nr3 = 5000\n*(u16 *)(r2 + 2) = r3\nr3 = 2\n*(u16 *)(r2 + 0) = r3\n' +
    `r0 = ${retval}\nexit\n`;

  it('answer the keys, with offsets brought into the packet', () => {
    const keys = new Uint8Array(56);
    const flags = new Uint8Array(56);
    flags[48] = 3;
    const attr = { data_in: frame(64), data_out: keys, ctx_in: flags };
    const [err, out] = run(BPF_PROG_TYPE_FLOW_DISSECTOR, source(0), attr);
    expect([err, out.retval, out.data_size_out]).toEqual([0, 1, 56]);
    const view = new DataView(keys.buffer);
    const [nhoff, thoff] = [view.getUint16(0, true), view.getUint16(2, true)];
    expect([nhoff, thoff, view.getUint16(10), view.getUint16(12), view.getUint32(52, true)]).toEqual([
      14, 64, 0x0800, 0x0800, 3,
    ]);
    expect(run(BPF_PROG_TYPE_FLOW_DISSECTOR, source(2), { data_in: frame(64) })[1].retval).toBe(0);
  });

  it('refuse', () => {
    const bad = new Uint8Array(56);
    bad[0] = 1;
    const flow = (attr: Omit<TestRunAttr, 'prog_fd'>): number => run(BPF_PROG_TYPE_FLOW_DISSECTOR, source(0), attr)[0];
    expect(flow({ data_in: frame(13) })).toBe(-EINVAL);
    expect(flow({ data_in: frame(4096) })).toBe(0);
    expect(flow({ data_in: frame(4097) })).toBe(-EINVAL);
    expect(flow({ data_in: frame(64), ctx_in: bad })).toBe(-EINVAL);
    expect(flow({ data_in: frame(64), ctx_in: new Uint8Array(60).fill(1, 58) })).toBe(-E2BIG);
  });
});

it('types without a runner answer ENOTSUPP', () => {
  expect(run(BPF_PROG_TYPE_SK_MSG, 'r0 = 1\nexit\n', { data_in: frame(64) })[0]).toBe(-ENOTSUPP);
});
