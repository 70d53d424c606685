// SPDX-License-Identifier: MIT
import {
  BPF_F_CURRENT_CPU,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  ENOSPC,
} from '@tsbpf/uapi';
import { callHelper, createTestSys, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { perfHelpers as rows } from '../helpers/perf.ts';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';
import type { PerfBufferOptions } from './perf-buffer.ts';

function setUp(options: PerfBufferOptions = {}) {
  const sys = createTestSys({ rows: tracingRegistries() });
  const tracing = tracingOf(sys.state);
  const { mem, env } = sys.state;
  const shape = { map_type: BPF_MAP_TYPE_PERF_EVENT_ARRAY, key_size: 4, value_size: 4, max_entries: 2 };
  const fd = sys.bpf(BPF_MAP_CREATE, shape);
  const file = sys.state.fds.get(fd, 'map');
  const addr = typeof file === 'number' ? 0n : file.map.addr;
  const ring = tracing.perfBuffer({ fd }, options);
  const data = mem.alloc(64);
  /** Writes bytes on a CPU. */
  const write = (cpu: number, value: number, lenBytes = 4): number => {
    env.cpu = cpu;
    mem.fill(data, lenBytes, value);
    const args = [0, addr, BPF_F_CURRENT_CPU, mem.toAddr(data), lenBytes];
    return signed(callHelper(sys.state, { rows, variant: 'bpf_perf_event_output' }, { args }));
  };
  return { sys, tracing, ring, write };
}

const brief = (records: Iterable<{ cpu: number; type: string; data?: Uint8Array; count?: number }>): unknown[] =>
  [...records].map(({ cpu, type, data, count }) => [cpu, type, data?.[0] ?? count]);

describe('a perf buffer', () => {
  test('has the records of all CPUs in the order they were written, each once', () => {
    const { ring, write } = setUp();
    expect([write(1, 10), write(0, 11), write(1, 12)]).toEqual([0, 0, 0]);
    expect(brief(ring.take())).toEqual([
      [1, 'sample', 10],
      [0, 'sample', 11],
      [1, 'sample', 12],
    ]);
    expect(ring.take()).toEqual([]);
  });

  test('says how many a full ring did not take, once there is room again', () => {
    // A sample of 4 bytes takes 16; the ring has room for two.
    const { ring, write } = setUp({ ringBytes: 48 });
    expect([1, 2, 3, 4, 5].map((value) => write(0, value))).toEqual([0, 0, 0, -ENOSPC, -ENOSPC]);
    expect(write(1, 6)).toBe(0);
    expect(brief(ring.take())).toEqual([
      [0, 'sample', 1],
      [0, 'sample', 2],
      [0, 'sample', 3],
      [1, 'sample', 6],
    ]);
    write(0, 7);
    expect(brief(ring.take())).toEqual([
      [0, 'lost', 2],
      [0, 'sample', 7],
    ]);
  });

  test('is read by `for await`, which waits until the buffer is closed', async () => {
    const { ring, write } = setUp();
    write(0, 1);
    const seen: unknown[] = [];
    const reader = (async () => {
      for await (const record of ring) seen.push(...brief([record]));
      seen.push('end');
    })();
    await Promise.resolve();
    write(1, 2);
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(seen).toEqual([
      [0, 'sample', 1],
      [1, 'sample', 2],
    ]);
    write(1, 3);
    ring.close();
    await reader;
    expect(seen.slice(2)).toEqual([[1, 'sample', 3], 'end']);
  });

  test('an event alone is read so, too, until nobody holds it', async () => {
    const { sys, tracing } = setUp();
    const fd = sys.perfEventOpen({ type: 1, config: 10n, pid: -1, cpu: 0 });
    const event = tracing.perfEvent(fd);
    event.output(Uint8Array.of(9));
    sys.close(fd);
    const types: string[] = [];
    for await (const { type } of event) types.push(type);
    expect(types).toEqual(['sample']);
  });

  test('wants a perf event array', () => {
    const { sys, tracing } = setUp();
    const fd = sys.bpf(BPF_MAP_CREATE, { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 4, max_entries: 1 });
    expect(() => tracing.perfBuffer({ fd })).toThrow(`fd ${fd} is no perf event array`);
    expect(() => tracing.perfBuffer({ fd: 99 })).toThrow('fd 99 is no perf event array');
    sys.state.fds.limit = sys.state.fds.fds().length;
    const map = sys.bpf(BPF_MAP_CREATE, {
      map_type: BPF_MAP_TYPE_PERF_EVENT_ARRAY,
      key_size: 4,
      value_size: 4,
      max_entries: 2,
    });
    expect(map).toBeLessThan(0);
  });
});

describe('checkpoints', () => {
  const saveAll = (parts: readonly { save(): unknown; restore(saved: unknown): void }[]): (() => void) => {
    const saved = parts.map((part) => part.save());
    return () => parts.forEach((part, i) => part.restore(saved[i]));
  };

  test('keep rings, stacks and signals', () => {
    const { sys, tracing, ring, write } = setUp();
    write(0, 1);
    tracing.stacks.kernel = [1n];
    const back = saveAll(sys.state.checkpointables);
    write(0, 2);
    ring.take();
    tracing.stacks.kernel = [2n];
    tracing.signals.push({ pid: 1, signal: 9, thread: false });
    back();
    expect(brief(ring.take())).toEqual([[0, 'sample', 1]]);
    expect([tracing.stacks.kernel, tracing.signals]).toEqual([[1n], []]);
  });

  test('do not go back to before something was attached', () => {
    const { sys } = setUp();
    const back = saveAll(sys.state.checkpointables);
    sys.perfEventOpen({ type: 1, config: 0n, pid: -1, cpu: 0 });
    expect(back).toThrow('attached to events or functions, or taken away');
  });
});
