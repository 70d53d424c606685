// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { vmlinuxBtf } from './index.ts';

describe('vmlinuxBtf', () => {
  it('is a little-endian BTF blob whose sections fill it', () => {
    const bytes = vmlinuxBtf();
    const view = new DataView(bytes.buffer);
    expect(view.getUint16(0, true)).toBe(0xeb9f);
    const headerLen = view.getUint32(4, true);
    expect(headerLen + view.getUint32(16, true) + view.getUint32(20, true)).toBe(bytes.length);
  });

  it('names what programs relocate to', () => {
    const text = new TextDecoder('latin1').decode(vmlinuxBtf());
    for (const name of ['sk_buff', 'xdp_buff', 'task_struct', 'tcp_congestion_ops', 'btf_trace_sched_switch']) {
      expect(text).toContain(`\0${name}\0`);
    }
  });

  it('hands out a copy of its own each time', () => {
    const first = vmlinuxBtf();
    first.fill(0);
    expect(vmlinuxBtf()[0]).not.toBe(0);
  });
});
