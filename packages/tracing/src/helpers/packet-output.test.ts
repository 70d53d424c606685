// SPDX-License-Identifier: MIT
import {
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_UPDATE_ELEM,
  E2BIG,
  EFAULT,
  EINVAL,
  NotSupportedError,
} from '@tsbpf/uapi';
import { callHelper, createTestSys, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { PERF_COUNT_SW_BPF_OUTPUT, PERF_TYPE_SOFTWARE } from '../perf/perf-event.ts';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';
import { packetOutputHelpers as rows } from './packet-output.ts';

const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);
const PACKET = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
const META = Uint8Array.of(0xa1, 0xa2, 0xa3, 0xa4);

/** An sk_buff, or an xdp_buff, of the packet. */
function setUp(kind: 'sk_buff' | 'xdp_buff') {
  const sys = createTestSys({ rows: tracingRegistries() });
  const { mem, types } = sys.state;
  const map_fd = sys.bpf(BPF_MAP_CREATE, {
    map_type: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
    key_size: 4,
    value_size: 4,
    max_entries: 1,
  });
  const ring = sys.perfEventOpen({ type: PERF_TYPE_SOFTWARE, config: PERF_COUNT_SW_BPF_OUTPUT, pid: -1, cpu: 0 });
  sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(0), value: u32(ring), flags: 0n });
  const file = sys.state.fds.get(map_fd, 'map');
  const map = typeof file === 'number' ? 0n : file.map.addr;
  const ctx = mem.alloc(types.sizeOf(kind));
  const at = (member: string): number => ctx + types.resolve(`${kind}.${member}`).off;
  const [packet, meta] = [mem.alloc(64), mem.alloc(8)];
  mem.writeBytes(packet, PACKET);
  mem.writeBytes(meta, META);
  mem.write64(at('data'), mem.toAddr(packet));
  if (kind === 'sk_buff') mem.write32(at('len'), PACKET.length);
  else mem.write64(at('data_end'), mem.toAddr(packet + PACKET.length));
  const output = (variant: string, flags: bigint): number => {
    const args = [mem.toAddr(ctx), map, flags, mem.toAddr(meta), META.length];
    return signed(callHelper(sys.state, { rows, variant }, { args }));
  };
  return { mem, at, output, read: () => tracingOf(sys.state).perfEvent(ring).read() };
}

describe.each([
  ['bpf_skb_event_output', 'sk_buff'],
  ['bpf_skb_output', 'sk_buff'],
  ['bpf_xdp_event_output', 'xdp_buff'],
] as const)('%s', (variant, kind) => {
  test('adds as much of the packet as the flags ask for', () => {
    const { output, read } = setUp(kind);
    expect(output(variant, 0n)).toBe(0);
    expect(output(variant, 16n << 32n)).toBe(0);
    expect(output(variant, 40n << 32n)).toBe(0);
    expect(read().map((record) => (record.type === 'sample' ? record.data : undefined))).toEqual([
      META,
      Uint8Array.of(...META, ...PACKET.subarray(0, 16)),
      Uint8Array.of(...META, ...PACKET),
    ]);
  });

  test('refuses more than there is, and other flags', () => {
    const { output, read } = setUp(kind);
    expect(output(variant, 41n << 32n)).toBe(-EFAULT);
    expect(output(variant, 1n << 52n)).toBe(-EINVAL);
    expect(output(variant, 1n)).toBe(-E2BIG);
    expect(read()).toEqual([]);
  });
});

test('packets in pages are not simulated, and said not to be', () => {
  const { mem, at, output } = setUp('sk_buff');
  mem.write32(at('data_len'), 8);
  expect(() => output('bpf_skb_event_output', 8n << 32n)).toThrow(NotSupportedError);
});
