// SPDX-License-Identifier: MIT
// What records of the built-in events hold, as v5.6 fills them.
import { BPF_PROG_TYPE_TRACEPOINT } from '@tsbpf/uapi';
import { createBtfBuilder } from '@tsbpf/btf';
import { createTestSys, installFakeProg } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import type { KernelValue } from '../../function/kernel-value.ts';
import { tracingRegistries } from '../../registries.ts';
import { tracingOf, type Tracing } from '../../tracing.ts';
import { layOutRecord } from '../btf-layout.ts';
import { rwbs } from './block.ts';

const TRACEPOINT = 2;

type Value = number | string | bigint;

/** Fires a tracepoint and answers the fields of the trace event that it makes. */
function record(fullName: string, args: (tracing: Tracing) => readonly KernelValue[]): Record<string, Value> {
  const sys = createTestSys({ rows: tracingRegistries() });
  const tracing = tracingOf(sys.state);
  const { mem } = sys.state;
  const event = tracing.findEvent(fullName);
  if (event === undefined) throw new TypeError(`no event ${fullName}`);
  const fd = sys.perfEventOpen({ type: TRACEPOINT, config: BigInt(event.id), pid: -1, cpu: 0 });
  const values: Record<string, Value> = {};
  const run = (ctx: number): number => {
    for (const { name, type, off, size } of event.fields) {
      if (type.startsWith('__data_loc')) {
        const loc = mem.read32(ctx + off);
        values[name] = new TextDecoder().decode(mem.readBytes(ctx + (loc & 0xffff), (loc >>> 16) - 1));
      } else if (type.startsWith('char')) {
        values[name] = new TextDecoder().decode(mem.readBytes(ctx + off, size)).replace(/\0.*$/s, '');
      } else if (type.includes('[')) values[name] = mem.readBytes(ctx + off, size).join('.');
      else if (size === 8) values[name] = mem.read64(ctx + off);
      else
        values[name] =
          size === 2 ? mem.read16(ctx + off) : size === 1 ? mem.read8(ctx + off) : mem.read32(ctx + off) | 0;
    }
    return 1;
  };
  sys.perfEventSetBpf(fd, installFakeProg(sys, { type: BPF_PROG_TYPE_TRACEPOINT, run }).fd);
  tracing.emit(fullName.split(':')[1] ?? '', ...args(tracing));
  return values;
}

describe('records', () => {
  test('of requests', () => {
    const rq = {
      rq_disk: { major: 8, first_minor: 16 },
      ...{ cmd_flags: 1 | (1 << 11), __sector: 2048, __data_len: 4096 },
    };
    const common = { dev: (8 << 20) | 16, sector: 2048n, nr_sector: 8, rwbs: 'WS', cmd: '' };
    expect(record('block:block_rq_issue', () => [null, rq])).toEqual({ ...common, bytes: 4096, comm: 'tsbpf' });
    expect(record('block:block_rq_complete', () => [rq, -5, 2048])).toEqual({ ...common, nr_sector: 4, error: -5 });
  });

  test.each([
    [0, 'R'],
    [1, 'W'],
    [2, 'F'],
    [3, 'D'],
    [5, 'DE'],
    [34, 'N'],
    [1 | (1 << 18) | (1 << 17) | (1 << 11), 'FWFS'],
    [(1 << 19) | (1 << 12), 'RAM'],
  ])('rwbs of %i is %s', (flags, letters) => expect(rwbs(flags)).toBe(letters));

  test('of interrupts', () => {
    expect(record('irq:softirq_entry', () => [3])).toEqual({ vec: 3 });
    expect(record('irq:irq_handler_entry', () => [27, { name: 'nvme0q1' }])).toEqual({ irq: 27, name: 'nvme0q1' });
    expect(record('irq:irq_handler_exit', () => [27, null, 1])).toEqual({ irq: 27, ret: 1 });
  });

  test.each<[string, KernelValue, number, number]>([
    ['a siginfo', { si_errno: 3, si_code: -6 }, 3, -6],
    ['none', 0n, 0, 0],
    ['the kernel itself', 1n, 0, 0x80],
  ])('of signals, from %s', (_from, info, errno, code) => {
    const fields = record('signal:signal_generate', () => [9, info, { pid: 77, comm: 'victim' }, 1, 0]);
    expect(fields).toEqual({ sig: 9, errno, code, comm: 'victim', pid: 77, group: 1, result: 0 });
  });

  test('of sockets: addresses of both families, ports in host order', () => {
    const v4 = record('sock:inet_sock_set_state', (tracing) => [
      tracing.fakeObject('inet_sock', {
        'sk.__sk_common': { skc_family: 2, skc_daddr: 0x0100007f, skc_dport: 0x5000 },
        ...{ inet_saddr: 0x0500a8c0, inet_sport: 0xc8af, 'sk.sk_protocol': 6 },
      }),
      7,
      2,
    ]);
    expect(v4).toMatchObject({ oldstate: 7, newstate: 2, sport: 45000, dport: 80, family: 2, protocol: 6 });
    expect([v4['saddr'], v4['daddr'], v4['daddr_v6']]).toEqual([
      '192.168.0.5',
      '127.0.0.1',
      '0.0.0.0.0.0.0.0.0.0.255.255.127.0.0.1',
    ]);
  });

  test('of memory, power and packets', () => {
    expect(record('vmscan:mm_vmscan_direct_reclaim_begin', () => [2, 0xcc0])).toEqual({ order: 2, gfp_flags: 0xcc0 });
    expect(record('vmscan:mm_vmscan_direct_reclaim_end', () => [32n])).toEqual({ nr_reclaimed: 32n });
    expect(record('power:cpu_frequency', () => [2_400_000, 1])).toEqual({ state: 2_400_000, cpu_id: 1 });
    expect(record('oom:mark_victim', () => [77])).toEqual({ pid: 77 });
    expect(record('kmem:kmalloc', () => [1n, 2n, 100n, 128n, 0xcc0])).toEqual({
      ...{ call_site: 1n, ptr: 2n, bytes_req: 100n, bytes_alloc: 128n, gfp_flags: 0xcc0 },
    });
    const received = record('net:netif_receive_skb', () => [{ len: 60, dev: { name: 'eth0' } }]);
    expect(received).toMatchObject({ len: 60, name: 'eth0' });
    const again = record('tcp:tcp_retransmit_skb', (): KernelValue[] => [
      { __sk_common: { skc_family: 10, skc_state: 1, skc_dport: 0x5000 } },
      {},
    ]);
    expect(again).toMatchObject({ state: 1, dport: 80, sport: 0 });
    expect(record('sched:sched_migrate_task', () => [{ pid: 5, cpu: 1, comm: 'x' }, 3])).toMatchObject({
      ...{ pid: 5, comm: 'x', orig_cpu: 1, dest_cpu: 3 },
    });
    const skb = record('skb:kfree_skb', () => [{ protocol: 0x0008 }, 0x1234n]);
    expect(skb).toMatchObject({ location: 0x1234n, protocol: 0x0800 });
    const exception = record('xdp:xdp_exception', (): KernelValue[] => [{ ifindex: 4 }, { aux: { id: 12 } }, 7]);
    expect(exception).toEqual({ prog_id: 12, act: 7, ifindex: 4 });
  });
});

test('a kernel whose BTF lays records out otherwise has them so', () => {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: 1 });
  const char = b.int('char', 1, { encoding: 1 });
  const at = (name: string, typeId: number, byte: number) => ({ name, typeId, bitOffset: byte * 8 });
  b.struct('trace_event_raw_odd', 40, [
    at('ent', b.array(char, int, 8), 0),
    at('__data_loc_comm', int, 8),
    at('pid', int, 12),
    at('name', b.array(char, int, 16), 16),
    at('__data', b.array(char, int, 0), 32),
  ]);
  const btf = b.build();
  const specs = [{ name: 'pid', type: 'pid_t', size: 4 }];
  expect(layOutRecord({ types: { btf } } as never, ['nothing', 'odd'], specs)).toEqual([
    { name: 'comm', type: '__data_loc char[]', off: 8, size: 4 },
    { name: 'pid', type: 'pid_t', off: 12, size: 4 },
    { name: 'name', type: 'char[16]', off: 16, size: 16 },
  ]);
  expect(layOutRecord({ types: { btf } } as never, ['missing'], specs)).toEqual([
    { name: 'pid', type: 'pid_t', off: 8, size: 4 },
  ]);
});
