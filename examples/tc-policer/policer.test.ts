// SPDX-License-Identifier: MIT
// How to test a TC classifier: attach it to a device, let frames arrive, move the clock by hand.
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { buildPacket, decodePacket, type Ipv4Layer } from '@tsbpf/capture';
import { createKernel, openObject, type BpfObject, type NetDevice, type SimulatedKernel } from 'tsbpf';

const OBJECT = readFileSync(new URL('./policer.bpf.o', import.meta.url));
const ECN_CAPABLE = 2;
const ECN_CONGESTED = 3;
const [PASSED, MARKED, DROPPED, NOT_IPV4] = [0, 1, 2, 3] as const;

/** A UDP datagram of 1,000 bytes, link header included. */
const datagram = (from: string, tos = 0): Uint8Array =>
  buildPacket(
    [
      { type: 'eth', src: '02:00:00:00:00:01', dst: '02:00:00:00:00:02' },
      { type: 'ipv4', src: from, dst: '10.0.0.254', tos },
      { type: 'udp', srcPort: 4000, dstPort: 9 },
    ],
    new Uint8Array(1000 - 14 - 20 - 8),
  );

describe('the policer', () => {
  let kernel: SimulatedKernel;
  let obj: BpfObject;
  let eth0: NetDevice;

  beforeEach(() => {
    // The clock stands still unless the test moves it, as every reading of it would by default.
    kernel = createKernel({ cpus: 2, tickNs: 0n });
    obj = openObject(OBJECT, { sys: kernel });
    obj.rodata['rate'] = 1000n;
    obj.rodata['burst'] = 4000n;
    obj.load();
    eth0 = kernel.net.device('eth0');
    obj.program('police').attachTc(eth0, { direction: 'ingress' });
  });

  const verdict = (frame: Uint8Array): string | undefined => eth0.receive(frame).tc?.verdict;
  /** Packets of each outcome, over all CPUs. */
  const packets = (outcome: number): bigint =>
    (obj.map('tallies').get(outcome) as { packets: bigint }[]).reduce((sum, cpu) => sum + cpu.packets, 0n);

  it('lets a burst pass and drops what follows', () => {
    const verdicts = [1, 2, 3, 4, 5, 6].map(() => verdict(datagram('10.0.0.1')));
    expect(verdicts).toEqual([...new Array<string>(4).fill('TC_ACT_OK'), 'TC_ACT_SHOT', 'TC_ACT_SHOT']);
    expect([PASSED, MARKED, DROPPED].map(packets)).toEqual([3n, 1n, 2n]);
    expect(eth0.delivered).toHaveLength(4);
  });

  it('lets one more packet pass for each second that goes by', () => {
    for (let i = 0; i < 4; i++) verdict(datagram('10.0.0.1'));
    expect(verdict(datagram('10.0.0.1'))).toBe('TC_ACT_SHOT');
    kernel.state.env.advanceNs(999_000_000n);
    expect(verdict(datagram('10.0.0.1'))).toBe('TC_ACT_SHOT');
    kernel.state.env.advanceNs(1_000_000n);
    expect(verdict(datagram('10.0.0.1'))).toBe('TC_ACT_OK');
  });

  it('takes its time from a helper, which a test can replace', () => {
    const restore = kernel.overrideHelper('bpf_ktime_get_ns', () => (call) => {
      call.retHi = 0;
      return 5;
    });
    verdict(datagram('10.0.0.1'));
    restore();
    expect([...obj.map('flows').values()]).toEqual([{ tokens: 3000n, updated_ns: 5n }]);
  });

  it('has a bucket for each flow', () => {
    for (let i = 0; i < 5; i++) verdict(datagram('10.0.0.1'));
    expect(verdict(datagram('10.0.0.1'))).toBe('TC_ACT_SHOT');
    expect(verdict(datagram('10.0.0.2'))).toBe('TC_ACT_OK');
    expect(obj.map('flows').size).toBe(2);
  });

  it('marks packets of senders that understand congestion before it drops any', () => {
    for (let i = 0; i < 4; i++) verdict(datagram('10.0.0.1', ECN_CAPABLE));
    const marks = eth0.delivered.map((frame) => {
      const { layers, problems } = decodePacket(frame);
      expect(problems, 'the checksum is right again').toEqual([]);
      return layers.find((layer): layer is typeof layer & Ipv4Layer => layer.type === 'ipv4')?.tos;
    });
    expect(marks).toEqual([ECN_CAPABLE, ECN_CAPABLE, ECN_CAPABLE, ECN_CONGESTED]);
  });

  it('counts on the CPU that it runs on', () => {
    for (const cpu of [0, 1, 1]) {
      kernel.state.env.cpu = cpu;
      verdict(datagram('10.0.0.1'));
    }
    expect(obj.map('tallies').get(PASSED)).toEqual([
      { packets: 1n, bytes: 1000n },
      { packets: 2n, bytes: 2000n },
    ]);
  });

  it('leaves everything else alone', () => {
    const arp = buildPacket([
      { type: 'eth', src: '02:00:00:00:00:01', dst: 'ff:ff:ff:ff:ff:ff' },
      {
        type: 'arp',
        op: 1,
        senderMac: '02:00:00:00:00:01',
        senderIp: '10.0.0.1',
        targetMac: '00:00:00:00:00:00',
        targetIp: '10.0.0.254',
      },
    ]);
    for (let i = 0; i < 10; i++) expect(verdict(arp)).toBe('TC_ACT_OK');
    expect(packets(NOT_IPV4)).toBe(10n);
  });
});
