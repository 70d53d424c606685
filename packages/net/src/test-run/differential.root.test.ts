// SPDX-License-Identifier: MIT
// Test runs of random programs over random packets: this kernel and the running one must answer the same. Programs stay
// clear of what later kernels than v5.6 changed: growing an XDP packet's tail, checksum differences folded to 16 bits.
import { describe, expect, it } from 'vitest';
import { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP, type Sys } from '@tsbpf/uapi';
import { createPrng, randomPacket } from '@tsbpf/capture';
import { createHost } from '@tsbpf/host';
import { randomClassifier, randomXdp, UNTAGGED_PIECES } from '../../test/random-program.ts';
import { loadAsm, realKernel, testRun } from '../../test/real-kernel.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.log('skipped: test runs are compared as root on Linux');
const host = isRoot ? createHost() : undefined;
const PROGRAMS = Number(process.env['TSBPF_PROGRAMS'] ?? 120);
const PACKETS = 4;

/** Later kernels also tell the device's index, behind the tc_index. */
function withoutDevice(result: Record<string, unknown>): Record<string, unknown> {
  if (result['ctx'] instanceof Uint8Array) result['ctx'].fill(0, 40, 44);
  return result;
}

function compare(type: number, source: string, packets: readonly Uint8Array[], ctx?: Uint8Array): void {
  const kernel = realKernel();
  const run = (sys: Sys): unknown[] => {
    const fd = loadAsm(sys, type, source);
    try {
      return packets.map((data_in) => {
        const asked = ctx === undefined ? {} : { ctx_in: ctx, ctx_out: new Uint8Array(256) };
        return withoutDevice(testRun(sys, { prog_fd: fd, data_in, ...asked }));
      });
    } finally {
      sys.close(fd);
    }
  };
  const theirs = run(host as Sys);
  const ours = run(kernel);
  expect({ source, results: ours }).toEqual({ source, results: theirs });
}

const seeds = Array.from({ length: PROGRAMS }, (_, seed) => seed);

/** Frames long enough for every kernel, short enough for one page. */
function packets(seed: number, options: { untagged?: boolean } = {}): Uint8Array[] {
  const prng = createPrng(seed * 7919 + 1);
  const frames: Uint8Array[] = [];
  while (frames.length < PACKETS) {
    const { data, layers } = randomPacket(prng, { malformedOneIn: options.untagged === true ? 0 : 3 });
    if (options.untagged === true && layers.some(({ type }) => type === 'vlan')) continue;
    const framed = new Uint8Array(Math.max(60, data.length));
    framed.set(data);
    frames.push(framed.subarray(0, 1500));
  }
  return frames;
}

describe.skipIf(!isRoot)('test runs equal the running kernel’s', () => {
  it.each(seeds)('xdp %i', (seed) => compare(BPF_PROG_TYPE_XDP, randomXdp(createPrng(seed)), packets(seed)));

  it.each(seeds)('sched_cls %i', (seed) =>
    compare(BPF_PROG_TYPE_SCHED_CLS, randomClassifier(createPrng(seed)), packets(seed)),
  );

  it.each(seeds)('sched_cls without tags %i', (seed) =>
    compare(
      BPF_PROG_TYPE_SCHED_CLS,
      randomClassifier(createPrng(seed + 1_000_000), UNTAGGED_PIECES),
      packets(seed, { untagged: true }),
    ),
  );

  it('socket filters with LD_ABS', () => {
    const source = 'r6 = r1\nr0 = *(u16 *)skb[12]\nr7 = r0\nr0 = *(u8 *)skb[9]\nr7 *= 31\nr7 += r0\nr0 = r7\nexit\n';
    compare(BPF_PROG_TYPE_SOCKET_FILTER, source, packets(1));
  });

  it('contexts', () => {
    const source =
      'r2 = *(u32 *)(r1 + 8)\nr2 += 1\n*(u32 *)(r1 + 8) = r2\nr2 = *(u32 *)(r1 + 48)\nr2 += 5\n*(u32 *)(r1 + 52) = r2\nr0 = *(u32 *)(r1 + 160)\nexit\n';
    const ctx = (at: number, value: number): Uint8Array => {
      const bytes = new Uint8Array(176);
      new DataView(bytes.buffer).setUint32(at, value, true);
      return bytes;
    };
    const frames = packets(3);
    compare(BPF_PROG_TYPE_SCHED_CLS, source, frames, ctx(8, 77));
    compare(BPF_PROG_TYPE_SCHED_CLS, source, frames, ctx(48, 9));
    compare(BPF_PROG_TYPE_SCHED_CLS, source, frames, ctx(4, 1));
    compare(BPF_PROG_TYPE_SCHED_CLS, source, frames, ctx(160, 5000));
    compare(BPF_PROG_TYPE_SCHED_CLS, source, frames, ctx(160, 70000));
    compare(BPF_PROG_TYPE_SCHED_CLS, source, frames, ctx(164, 65536));
    compare(BPF_PROG_TYPE_SCHED_CLS, source, frames, ctx(168, 1));
  });
});
