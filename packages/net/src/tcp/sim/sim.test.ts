// SPDX-License-Identifier: MIT
// The contract between TCP and a congestion control: what is called when, and with what.
import { BPF_CGROUP_SOCK_OPS } from '@tsbpf/uapi';
import type { CgroupHooks } from '@tsbpf/core';
import { createTestKernel } from '@tsbpf/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { readField, writeField } from '../../dev/fields.ts';
import { congestionOf } from '../../sock/congestion.ts';
import * as ops from '../../sock/sock-ops.ts';
import { reno } from '../ca/reno.ts';
import * as ca from '../ca/congestion-control.ts';
import { tcpOf } from '../tcp.ts';
import type { TcpSimOptions } from './sim.ts';

const LINK = { rateBps: 20e6, delayNs: 10e6 };
let kernel = createTestKernel();
let calls: string[] = [];
let refs = 0;

/** Reno that notes every call. */
function noting(more: Partial<ca.CongestionControl> = {}): ca.CongestionControl {
  const note = (text: string): void => void calls.push(text);
  return {
    ...reno,
    name: 'noting',
    get: () => ++refs > 0,
    put: () => void refs--,
    init: (sk) => note(`init ${sk.isSender ? 'sender' : 'receiver'} in ${sk.caState}`),
    release: (sk) => note(`release ${sk.isSender ? 'sender' : 'receiver'}`),
    ssthresh(sk) {
      note(`ssthresh at ${sk.cwnd} in ${sk.caState}`);
      return reno.ssthresh(sk);
    },
    undoCwnd(sk) {
      note(`undo to ${sk.priorCwnd}`);
      return reno.undoCwnd(sk);
    },
    setState: (sk, state) => note(`state ${sk.caState} to ${state}`),
    cwndEvent: (_sk, event) => note(`event ${event}`),
    ...more,
  };
}

function simulate(control: ca.CongestionControl, options: Partial<TcpSimOptions> = {}) {
  const tcp = tcpOf(kernel);
  expect(tcp.congestion.register(control, { ssthresh: true, undoCwnd: true })).toBe(0);
  return tcp.simulate({ links: [LINK], ...options });
}

beforeEach(() => {
  kernel = createTestKernel();
  calls = [];
  refs = 0;
});

describe('a connection', () => {
  it('begins with init on both ends, and ends with release', () => {
    const sim = simulate(noting());
    const flow = sim.addFlow({ cc: 'noting', bytes: 5000 });
    sim.runUntil(10e6);
    expect([calls.length, refs]).toEqual([0, 2]);
    sim.runUntil(1e9);
    expect(calls).toEqual(['init receiver in 0', 'init sender in 0', 'event 0', 'release sender', 'release receiver']);
    expect(refs).toBe(0);
    // A handshake, the data, and the way back: four times ten milliseconds and what sending takes.
    expect(flow.doneNs).toBeGreaterThan(40e6);
    expect(flow.doneNs).toBeLessThan(43e6);
    expect(flow.receiver.rcvNxt).toBe(4);
  });

  it('keeps its time: a segment a millisecond over a slow link, acknowledged two by two', () => {
    const sent: number[] = [];
    const sim = simulate(noting(), {
      links: [{ rateBps: 12e6, delayNs: 1e6, queuePackets: 100 }],
      trace: (kind, _flow, seq, _flags, nowNs) => void (kind === 'ack' && seq > 16 && sent.push(nowNs)),
    });
    sim.addFlow({ cc: 'noting', bytes: 40 * 1448 });
    sim.runUntil(1e9);
    // 1500 bytes take 1 ms at 12 Mbit/s.
    const gaps = sent.slice(1, -1).map((at, i) => Math.round((at - sent[i]) / 1e6));
    expect(gaps.length).toBeGreaterThan(5);
    expect(gaps.every((gap) => gap === 2)).toBe(true);
  });
});

describe('congestion', () => {
  it('a loss: the threshold, then Recovery; the event when it is over, then Open', () => {
    const sim = simulate(noting());
    sim.addFlow({ cc: 'noting' });
    sim.runUntil(5e9);
    const from = calls.findIndex((call) => call === 'state 1 to 3');
    expect(from).toBeGreaterThan(0);
    expect(calls[from - 1]).toMatch(/^ssthresh at \d+ in 1$/);
    expect(calls.slice(from + 1, from + 3)).toEqual(['state 3 to 0', 'event 2']);
  });

  it('a mark: CWR, once a round trip', () => {
    const sim = simulate(noting(), { links: [{ ...LINK, ecnPackets: 10 }], ecn: true });
    const { sender } = sim.addFlow({ cc: 'noting' });
    sim.runUntil(3e9);
    const episode = calls.findIndex((call) => call === 'state 0 to 2');
    expect(calls.slice(episode - 1, episode + 3)).toEqual([
      expect.stringMatching(/^ssthresh at \d+ in 0$/),
      'state 0 to 2',
      'event 2',
      'state 2 to 0',
    ]);
    expect(sender.deliveredCe).toBeGreaterThan(0);
    expect(sender.totalRetrans).toBe(0);
    expect(calls.filter((call) => call === 'state 0 to 2').length).toBeLessThan(3000 / 21);
  });

  it('a timeout: the threshold, the event, then Loss', () => {
    const sim = simulate(noting(), { links: [{ ...LINK, loss: 0.5, seed: 11 }] });
    sim.addFlow({ cc: 'noting' });
    sim.runUntil(20e9);
    const loss = calls.findIndex((call) => /^state [01] to 4$/.test(call));
    expect(calls.slice(loss - 2, loss)).toEqual([expect.stringMatching(/^ssthresh at \d+ in [01]$/), 'event 3']);
    expect(calls.filter((call) => call === 'state 4 to 0').length).toBeGreaterThan(0);
  });

  it('a timeout that was none: the window comes back', () => {
    const sim = simulate(noting());
    const { sender } = sim.addFlow({ cc: 'noting' });
    sim.runUntil(3e9);
    sim.links[0].delayNs = 500e6;
    const before = sender.cwnd;
    sim.runUntil(3.5e9);
    expect(sender.caState).toBe(ca.TCP_CA_LOSS);
    sim.runUntil(4.2e9);
    expect(calls.some((call) => call === `undo to ${before}` || /^undo to \d+$/.test(call))).toBe(true);
    expect(calls).toContain('state 4 to 0');
    expect(sender.cwnd).toBeGreaterThanOrEqual(Math.min(before, 20));
  });
});

describe('an application that pauses', () => {
  it('goes on with a smaller window, after the event', () => {
    const control = noting();
    const sim = simulate(control, { links: [{ rateBps: 1e9, delayNs: 10e6 }] });
    const writes = [
      { atNs: 0, bytes: 2_000_000 },
      { atNs: 5e9, bytes: 1_000_000 },
    ];
    const { sender } = sim.addFlow({ cc: 'noting', writes });
    sim.runUntil(4.9e9);
    const before = sender.cwnd;
    expect(before).toBeGreaterThan(500);
    expect([sender.sndUna, sender.packetsOut]).toEqual([Math.floor(2_000_000 / 1448), 0]);
    calls = [];
    sim.runUntil(5.001e9);
    expect(calls).toEqual(['event 1', 'event 0']);
    expect(sender.cwnd).toBe(10);
    expect(sender.ssthresh).toBeGreaterThanOrEqual(Math.floor(before * 0.7));
    sim.runUntil(9e9);
    expect(sim.finishedAll).toBe(true);
  });

  it('has a window no larger than what it uses', () => {
    const writes = Array.from({ length: 300 }, (_, i) => ({ atNs: i * 20e6, bytes: 8 * 1448 }));
    const control = noting();
    const sim = simulate(control, { links: [{ rateBps: 1e9, delayNs: 10e6 }] });
    const { sender } = sim.addFlow({ cc: 'noting', writes: [{ atNs: 0, bytes: 1_000_000 }, ...writes.slice(50)] });
    sim.runUntil(0.9e9);
    const before = sender.cwnd;
    expect(before).toBeGreaterThan(200);
    sim.runUntil(6.5e9);
    expect(sender.cwnd).toBeLessThan(before / 2);
  });
});

describe('acknowledgements', () => {
  it('say what they are, how much came, and how long it took', () => {
    const flags = new Set<number>();
    const samples: { acked: number; rttUs: number; inFlight: number }[] = [];
    const control = noting({
      inAckEvent: (_sk, flag) => void flags.add(flag),
      pktsAcked: (_sk, { pktsAcked, rttUs, inFlight }) => void samples.push({ acked: pktsAcked, rttUs, inFlight }),
    });
    const sim = simulate(control, { links: [{ ...LINK, ecnPackets: 8 }], ecn: true });
    sim.addFlow({ cc: 'noting', bytes: 2_000_000 });
    sim.runUntil(5e9);
    expect(flags).toEqual(new Set([ca.CA_ACK_WIN_UPDATE, ca.CA_ACK_SLOWPATH | ca.CA_ACK_ECE]));
    expect(samples.reduce((sum, { acked }) => sum + acked, 0)).toBe(Math.ceil(2_000_000 / 1448));
    expect(Math.min(...samples.map(({ rttUs }) => rttUs))).toBeGreaterThanOrEqual(20_600);
    expect(Math.max(...samples.map(({ inFlight }) => inFlight))).toBeGreaterThan(10);
  });

  it('cong_control does everything by itself, and learns the rate', () => {
    const rates: number[] = [];
    let avoided = 0;
    const control = noting({
      congAvoid: () => void avoided++,
      congControl(sk, sample) {
        sk.cwnd = 30;
        if (sample.intervalUs > 0) rates.push((sample.delivered * 1500 * 8) / sample.intervalUs);
      },
    });
    const sim = simulate(control);
    sim.addFlow({ cc: 'noting' });
    sim.runUntil(3e9);
    expect(avoided).toBe(0);
    // 30 segments in 20.6 ms are 17.5 Mbit/s: less than the link has.
    const settled = rates.slice(200);
    const mean = settled.reduce((a, b) => a + b, 0) / settled.length;
    expect(mean).toBeGreaterThan(16.5);
    expect(mean).toBeLessThan(17.6);
  });

  it('min_tso_segs and sndbuf_expand are asked', () => {
    const asked = new Set<string>();
    const control = noting({
      minTsoSegs: () => asked.add('min_tso_segs').size,
      sndbufExpand: () => asked.add('sndbuf_expand').size + 2,
    });
    const sim = simulate(control);
    const { sender } = sim.addFlow({ cc: 'noting', bytes: 200_000 });
    sim.runUntil(2e9);
    expect([...asked].sort()).toEqual(['min_tso_segs', 'sndbuf_expand']);
    expect(sender.sndbuf).toBeGreaterThan(3 * 10 * 1448);
  });
});

describe('sock_ops programs', () => {
  it('hear of a connection, turn events on, and are told', () => {
    const told: string[] = [];
    kernel.cgroups = {
      enabled: (_cgroup, type) => type === BPF_CGROUP_SOCK_OPS,
      run(_cgroup, _type, ctx) {
        const word = (member: string): number => readField(kernel, ctx, `bpf_sock_ops_kern.${member}`);
        told.push(`${word('op')} ${word('args[0]')} ${word('args[1]')}`);
        const sk = kernel.mem.toOff(kernel.mem.read64(ctx + kernel.types.resolve('bpf_sock_ops_kern.sk').off));
        if (word('op') === ops.SOCK_OPS_TCP_CONNECT_CB) {
          writeField(kernel, sk, 'tcp_sock.bpf_sock_ops_cb_flags', ops.SOCK_OPS_ALL_CB_FLAGS);
        }
        if (word('op') === ops.SOCK_OPS_ACTIVE_ESTABLISHED_CB) {
          congestionOf(kernel).controls.set(sk, 'reno', { load: false, reinit: false, privileged: true });
        }
        return 1;
      },
      currentCgroupId: () => 7n,
      ancestorId: () => 1n,
    } satisfies CgroupHooks;
    const sim = tcpOf(kernel).simulate({ links: [{ ...LINK, loss: 0.05 }] });
    const { sender } = sim.addFlow({ cc: 'cubic', bytes: 400_000 });
    sim.runUntil(60e9);
    expect(sim.finishedAll).toBe(true);
    expect(told.slice(0, 6)).toEqual(['1 0 0', '2 0 0', '3 0 0', '6 0 0', '5 0 0', '10 2 1']);
    const count = (op: number): number => told.filter((text) => text.startsWith(`${op} `)).length;
    expect(count(ops.SOCK_OPS_ACTIVE_ESTABLISHED_CB)).toBe(1);
    expect(count(ops.SOCK_OPS_RETRANS_CB)).toBe(sender.totalRetrans);
    expect(count(ops.SOCK_OPS_RTT_CB)).toBeGreaterThan(50);
    expect(told.at(-1)).toBe('10 1 7');
    expect(sender.ca.name).toBe('reno');
  });
});

describe('what is refused', () => {
  it.each<[string, Partial<TcpSimOptions>, RegExp]>([
    ['no links', { links: [] }, /needs a link/],
    ['a rate', { links: [{ ...LINK, rateBps: 0 }] }, /a rate of 0/],
    ['a delay', { links: [{ ...LINK, delayNs: -1 }] }, /a delay of -1/],
    ['a loss', { links: [{ ...LINK, loss: 1 }] }, /a loss of 1/],
    ['a queue', { links: [{ ...LINK, queuePackets: 0 }] }, /a queue of 0/],
    ['segments', { mss: 0 }, /segments of 0 bytes/],
  ])('%s', (_what, options, says) => {
    expect(() => tcpOf(kernel).simulate({ links: [LINK], ...options })).toThrow(says);
  });

  it('connections', () => {
    const sim = tcpOf(kernel).simulate({ links: [LINK] });
    sim.runUntil(1e9);
    expect(() => sim.addFlow({ cc: 'reno' })).toThrow('before now');
    expect(() => sim.addFlow({ cc: 'reno', startNs: 2e9, bytes: 0 })).toThrow('cannot send 0 bytes');
    expect(() => sim.addFlow({ cc: 'vegas', startNs: 2e9 })).toThrow('there are: cubic, reno');
    expect(() => sim.addFlow({ cc: 'reno', startNs: 2e9, path: [] })).toThrow('path');
  });
});

describe('a table of congestion controls', () => {
  it('gives them by name to sockets, and holds them', () => {
    const tcp = tcpOf(kernel);
    tcp.congestion.register(noting(), { ssthresh: true, undoCwnd: true });
    tcp.congestion.register({ ...noting(), name: 'mine', flags: 0 }, { ssthresh: true, undoCwnd: true });
    const { controls } = congestionOf(kernel);
    const change = { load: false, reinit: false, privileged: false };
    expect(controls.nameOf(4096)).toBe('cubic');
    expect(controls.set(4096, 'none', change)).toBe(-2);
    expect(controls.set(4096, 'mine', change)).toBe(-1);
    expect(controls.set(4096, 'noting', change)).toBe(0);
    controls.inherit(4096, 8192);
    expect([controls.nameOf(4096), controls.nameOf(8192), refs]).toEqual(['noting', 'noting', 2]);
    controls.forget(4096);
    controls.forget(8192);
    expect(refs).toBe(0);
  });

  it('takes none that lacks what all need, nor a name twice', () => {
    const { congestion } = tcpOf(kernel);
    expect(congestion.register(noting(), { ssthresh: false, undoCwnd: true })).toBe(-22);
    expect(congestion.register({ ...noting(), name: 'reno' }, { ssthresh: true, undoCwnd: true })).toBe(-17);
    expect(kernel.env.dmesg).toEqual([
      'TCP: noting does not implement required ops',
      'TCP: reno already registered or non-unique key',
    ]);
  });
});
