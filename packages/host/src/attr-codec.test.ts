// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  BPF_ATTR_GROUPS,
  BPF_CMD_ATTRS,
  BPF_INFO_LAYOUTS,
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
} from '@tsbpf/uapi';
import type { StructLayout } from '@tsbpf/uapi';
import { encodeAttr } from './attr-codec.ts';
import { ATTR_POINTERS, INFO_POINTERS, OUT_FIELDS } from './attr-rules.ts';
import type { FencePool } from './fence.ts';
import type { Libc } from './libc.ts';
import { parseCpuList } from './cpu.ts';
import { encodePerfAttr } from './perf.ts';
import { fieldOf } from './struct-bytes.ts';

// Addresses by order of asking, so that tests see which buffer went where.
function fakes(): { libc: Libc; fences: FencePool; order: Uint8Array[]; fenced: Uint8Array[] } {
  const order: Uint8Array[] = [];
  const fenced: Uint8Array[] = [];
  const libc = { addressOf: (bytes: Uint8Array) => BigInt(0x1000 * order.push(bytes)) } as unknown as Libc;
  const fences: FencePool = {
    reset: () => undefined,
    unmapped: () => 0xdead0000n,
    place: (buffer) => {
      const copy = buffer.slice();
      fenced.push(copy);
      return { addr: BigInt(0x900000 + fenced.length), copyBack: () => buffer.set(copy) };
    },
  };
  return { libc, fences, order, fenced };
}

describe('encodeAttr', () => {
  it('derives counts from buffers', () => {
    const { libc, fences, order } = fakes();
    const attr = {
      prog_type: 6,
      insns: new Uint8Array(24),
      license: 'GPL',
      log_buf: new Uint8Array(100),
      func_info_rec_size: 8,
      func_info: new Uint8Array(16),
      prog_name: 'x',
    };
    const { bytes } = encodeAttr(libc, fences, BPF_PROG_LOAD, attr);
    const view = new DataView(bytes.buffer);
    const u32 = (name: string): number => view.getUint32(fieldOf(BPF_ATTR_GROUPS.prog_load, name)!.off, true);
    expect(bytes).toHaveLength(120);
    expect(['prog_type', 'insn_cnt', 'log_size', 'func_info_cnt', 'line_info_cnt'].map(u32)).toEqual([6, 3, 100, 2, 0]);
    expect(['insns', 'license', 'log_buf', 'func_info', 'line_info'].map(u32)).toEqual([
      0x1000, 0x2000, 0x3000, 0x4000, 0,
    ]);
    expect(new TextDecoder().decode(order[1])).toBe('GPL\0');
    expect(new TextDecoder().decode(bytes.subarray(48, 50))).toBe('x\0');
  });

  it('writes numbers back where the call succeeded, or where the kernel changed them', () => {
    const { libc, fences } = fakes();
    const attr: Record<string, unknown> = { prog_fd: 3, data_out: new Uint8Array(16) };
    const encoded = encodeAttr(libc, fences, BPF_PROG_TEST_RUN, attr);
    new DataView(encoded.bytes.buffer).setUint32(fieldOf(BPF_ATTR_GROUPS.test, 'data_size_out')!.off, 64, true);
    encoded.writeBack(-28);
    expect(attr).toEqual({ prog_fd: 3, data_out: new Uint8Array(16), data_size_out: 64 });
    encoded.writeBack(0);
    expect(attr).toMatchObject({ retval: 0, duration: 0, data_size_out: 64, ctx_size_out: 0 });
  });

  it('fences keys and values, and copies back only what the kernel writes', () => {
    const { libc, fences, fenced } = fakes();
    const attr = { map_fd: 3, key: new Uint8Array(4), value: new Uint8Array(8) };
    const encoded = encodeAttr(libc, fences, BPF_MAP_LOOKUP_ELEM, attr);
    for (const copy of fenced) copy.fill(7);
    encoded.writeBack(0);
    expect(attr.key).toEqual(new Uint8Array(4));
    expect(attr.value).toEqual(new Uint8Array(8).fill(7));
  });

  it('refuses fields that v5.6 does not have and values of no C type', () => {
    const { libc, fences } = fakes();
    expect(() => encodeAttr(libc, fences, BPF_MAP_CREATE, { map_type: 1, map_extra: 1n })).toThrow(/map_extra/);
    expect(() => encodeAttr(libc, fences, BPF_MAP_CREATE, { map_type: true })).toThrow(/boolean/);
    expect(() => encodeAttr(libc, fences, 99, {})).toThrow(/command 99/);
  });
});

describe('the rules', () => {
  it('name only fields that exist, and every 8-byte field behind which memory is', () => {
    for (const [group, pointers] of Object.entries(ATTR_POINTERS)) checkPointers(attrGroup(group), pointers);
    for (const [struct, pointers] of Object.entries(INFO_POINTERS))
      checkPointers(BPF_INFO_LAYOUTS[struct as keyof typeof BPF_INFO_LAYOUTS], pointers);
    for (const [cmd, outs] of Object.entries(OUT_FIELDS)) {
      const rule = BPF_CMD_ATTRS[Number(cmd)];
      for (const name of outs) expect(fieldOf(attrGroup(rule!.group), name), `${cmd} ${name}`).toBeDefined();
    }
  });

  function attrGroup(name: string): StructLayout {
    return BPF_ATTR_GROUPS[name as keyof typeof BPF_ATTR_GROUPS];
  }

  function checkPointers(layout: StructLayout, pointers: Record<string, { kind: string; count?: string }>): void {
    for (const [name, extent] of Object.entries(pointers)) {
      expect(fieldOf(layout, name)?.size, name).toBe(8);
      if (extent.count !== undefined) expect(fieldOf(layout, extent.count), extent.count).toBeDefined();
    }
  }
});

describe('other encodings', () => {
  it('reads lists of CPUs', () => {
    expect(parseCpuList('0-3,8\n')).toEqual([0, 1, 2, 3, 8]);
    expect(parseCpuList('0\n')).toEqual([0]);
    expect(parseCpuList('\n')).toEqual([]);
  });

  it('encodes perf events', () => {
    const bytes = encodePerfAttr({ type: 6, config: 0n, retprobe: true, probeOffset: 8n, pid: -1, cpu: 0 }, 0x1234n);
    const view = new DataView(bytes.buffer);
    expect(bytes).toHaveLength(112);
    expect([0, 8, 56, 64].map((off) => Number(view.getBigUint64(off, true) & 0xffffffffn))).toEqual([6, 1, 0x1234, 8]);
    const freq = new DataView(encodePerfAttr({ type: 1, config: 0n, sampleFreq: 99n, pid: -1, cpu: 0 }, 0n).buffer);
    expect([freq.getBigUint64(16, true), freq.getBigUint64(40, true)]).toEqual([99n, 1024n]);
  });
});
