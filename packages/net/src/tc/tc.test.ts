// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { buildPacket, encodePcap, parseMac, readCapture } from '@tsbpf/capture';
import {
  BPF_PROG_TYPE_SCHED_ACT,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_XDP,
  EEXIST,
  EINVAL,
  ENOENT,
  ENODEV,
} from '@tsbpf/uapi';
import { nativeKernel, type NativeRun } from '../../test/native-kernel.ts';
import { Skb } from '../skb/skb.ts';

const ETH0 = parseMac('02:00:00:00:00:02');
const frame = (payload = 40): Uint8Array =>
  buildPacket(
    [
      { type: 'eth', dst: '02:00:00:00:00:02', src: '02:00:00:00:00:99' },
      { type: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2' },
      { type: 'udp', srcPort: 7, dstPort: 9 },
    ],
    new Uint8Array(payload).fill(0xab),
  );

const world = () => {
  const made = nativeKernel();
  const eth0 = made.net.createDevice({ name: 'eth0', ifindex: 2, mac: ETH0 });
  const eth1 = made.net.createDevice({ name: 'eth1', ifindex: 3 });
  const cls = (body: (run: NativeRun) => number) => made.prog(BPF_PROG_TYPE_SCHED_CLS, body);
  return { ...made, eth0, eth1, cls };
};

describe('classifiers', () => {
  it('see the frame from its link header, with device, protocol and length', () => {
    const { eth0, cls, kernel } = world();
    const seen: unknown[] = [];
    eth0.attachTc(
      cls(({ ctx }) => {
        const skb = new Skb(kernel.state, ctx);
        seen.push(skb.bytes(), skb.protocol, skb.get('skb_iif'), skb.get('pkt_type'), skb.macLen, skb.dev === eth0.off);
        const { mem } = kernel.state;
        const end = mem.read32(skb.off + skb.layout.cb.dataEnd);
        seen.push(end - skb.data, mem.read32(skb.off + skb.layout.cb.pktLen), skb.get('tc_at_ingress'));
        return 0;
      }).prog,
      { direction: 'ingress', directAction: true },
    );
    const sent = frame();
    const result = eth0.receive(sent);
    expect(seen).toEqual([sent, 0x0008, 2, 0, 14, true, sent.length, sent.length - 14, 1]);
    expect(result.tc).toEqual({ verdict: 'TC_ACT_OK', code: 0, classid: 0 });
    expect(eth0.delivered).toEqual([sent]);
  });

  it.each([
    [0, 'TC_ACT_OK', 1],
    [1, 'TC_ACT_UNSPEC', 1],
    [2, 'TC_ACT_SHOT', 0],
    [3, 'TC_ACT_UNSPEC', 1],
    [4, 'TC_ACT_STOLEN', 0],
    [5, 'TC_ACT_UNSPEC', 1],
    [8, 'TC_ACT_TRAP', 0],
    [-1, 'TC_ACT_UNSPEC', 1],
    [99, 'TC_ACT_UNSPEC', 1],
  ])('direct action %i is %s', (code, verdict, delivered) => {
    const { eth0, cls, kernel } = world();
    eth0.attachTc(cls(() => code).prog, { direction: 'ingress', directAction: true });
    const before = kernel.state.mem.liveRegions;
    expect(eth0.receive(frame()).tc?.verdict).toBe(verdict);
    expect(eth0.delivered.length).toBe(delivered);
    expect(kernel.state.mem.liveRegions).toBe(before);
  });

  it('are asked by priority, the newest of a priority first, until one decides', () => {
    const { eth0, cls } = world();
    const order: string[] = [];
    const add = (name: string, priority: number, code: number): number =>
      eth0.attachTc(
        cls(() => {
          order.push(name);
          return code;
        }).prog,
        { direction: 'ingress', priority, directAction: true },
      );
    expect([add('late', 20, 2), add('old', 10, -1), add('new', 10, -1), add('first', 1, -1)]).toEqual([1, 2, 3, 4]);
    eth0.receive(frame());
    expect(order).toEqual(['first', 'new', 'old', 'late']);
    expect(eth0.detachTc({ direction: 'ingress', handle: 1 })).toBe(true);
    expect(eth0.detachTc({ direction: 'ingress', handle: 1 })).toBe(false);
    expect(eth0.receive(frame()).tc?.verdict).toBe('TC_ACT_UNSPEC');
  });

  it('without direct action give a class', () => {
    const { eth0, cls } = world();
    let result = 0;
    eth0.attachTc(cls(() => result).prog, { direction: 'ingress' });
    expect(eth0.receive(frame()).tc).toMatchObject({ verdict: 'TC_ACT_UNSPEC' });
    result = 0x10002;
    expect(eth0.receive(frame()).tc).toEqual({ verdict: 'TC_ACT_OK', code: 0, classid: 0x10002 });
    result = -1;
    expect(eth0.receive(frame()).tc).toEqual({ verdict: 'TC_ACT_OK', code: 0, classid: 0 });
  });

  it('on egress can drop and redirect', () => {
    const { eth0, eth1, cls } = world();
    let code = 2;
    eth0.attachTc(cls(({ helper }) => (code === 7 ? Number(helper('bpf_redirect', 3, 0)) : code)).prog, {
      direction: 'egress',
      directAction: true,
    });
    expect(eth0.send(frame())).toBe(1);
    expect(eth0.transmitted).toEqual([]);
    code = 7;
    expect(eth0.send(frame())).toBe(0);
    expect(eth1.transmitted).toMatchObject([{ data: frame(), by: 'tc-redirect' }]);
    code = 0;
    expect(eth0.send(frame())).toBe(0);
    expect(eth0.transmitted).toMatchObject([{ data: frame(), by: 'xmit' }]);
    eth0.up = false;
    expect(eth0.send(frame())).toBe(-100);
  });

  it('redirect to a device’s wire or its ingress', () => {
    const { eth0, eth1, cls, kernel } = world();
    let target: [number, number] = [3, 0];
    eth0.attachTc(cls(({ helper }) => Number(helper('bpf_redirect', ...target))).prog, {
      direction: 'ingress',
      directAction: true,
    });
    const before = kernel.state.mem.liveRegions;
    expect(eth0.receive(frame()).tc?.redirect).toEqual({ ifindex: 3, ingress: false, err: 0 });
    expect(eth1.drain()).toMatchObject([{ data: frame(), by: 'tc-redirect' }]);
    target = [3, 1];
    expect(eth0.receive(frame()).tc?.redirect).toEqual({ ifindex: 3, ingress: true, err: 0 });
    expect(eth1.delivered).toEqual([frame()]);
    target = [44, 0];
    expect(eth0.receive(frame()).tc?.redirect?.err).toBe(-EINVAL);
    target = [3, 2];
    expect(eth0.receive(frame()).tc?.verdict).toBe('TC_ACT_SHOT');
    eth1.mtu = 20;
    target = [3, 1];
    expect(eth0.receive(frame()).tc?.redirect?.err).toBe(1);
    expect(kernel.state.mem.liveRegions).toBe(before);
  });

  it('clone and redirect, and go on', () => {
    const { eth0, eth1, cls, kernel } = world();
    const results: bigint[] = [];
    eth0.attachTc(
      cls(({ ctx, helper }) => {
        results.push(helper('bpf_clone_redirect', ctx, 3, 0), helper('bpf_clone_redirect', ctx, 9, 0));
        results.push(helper('bpf_clone_redirect', ctx, 3, 2), helper('bpf_clone_redirect', ctx, 3, 1));
        const skb = new Skb(kernel.state, ctx);
        kernel.state.mem.write8(skb.data, 0x42);
        return 0;
      }).prog,
      { direction: 'ingress', directAction: true },
    );
    const before = kernel.state.mem.liveRegions;
    eth0.receive(frame());
    expect(results).toEqual([0n, BigInt(-EINVAL), BigInt(-EINVAL), 0n]);
    expect(eth1.transmitted).toMatchObject([{ data: frame(), by: 'clone-redirect' }]);
    expect(eth1.delivered).toEqual([frame()]);
    expect(eth0.delivered[0]?.[0]).toBe(0x42);
    expect(kernel.state.mem.liveRegions).toBe(before);
  });

  it('stop a packet that goes in circles', () => {
    const { net, cls } = world();
    const lo = net.device('lo');
    lo.attachTc(cls(({ helper }) => Number(helper('bpf_redirect', 1, 1))).prog, {
      direction: 'ingress',
      directAction: true,
    });
    expect(() => lo.receive(frame())).toThrow(/circles/);
  });

  it('find metadata of XDP before the packet', () => {
    const { eth0, cls, prog, kernel } = world();
    const { mem } = kernel.state;
    eth0.attachXdp(
      prog(BPF_PROG_TYPE_XDP, ({ ctx, helper }) => {
        helper('bpf_xdp_adjust_meta', ctx, -8);
        mem.write32(mem.read32(ctx + kernel.state.types.resolve('xdp_buff.data_meta').off), 0x11223344);
        return 2;
      }).prog,
    );
    let meta: number[] = [];
    eth0.attachTc(
      cls(({ ctx }) => {
        const skb = new Skb(kernel.state, ctx);
        const at = mem.read32(skb.off + skb.layout.cb.dataMeta);
        meta = [skb.data - at, mem.read32(at)];
        return 0;
      }).prog,
      { direction: 'ingress', directAction: true },
    );
    expect(eth0.receive(frame()).metadata).toEqual(new Uint8Array([0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0]));
    expect(meta).toEqual([8, 0x11223344]);
  });

  it('find a VLAN tag beside the packet, and it leaves on the wire again', () => {
    const { eth0, cls, kernel } = world();
    const tagged = new Uint8Array(frame().length + 4);
    tagged.set(frame().subarray(0, 12));
    tagged.set([0x81, 0x00, 0x20, 0x05], 12);
    tagged.set(frame().subarray(12), 16);
    const seen: number[] = [];
    eth0.attachTc(
      cls(({ ctx }) => {
        const skb = new Skb(kernel.state, ctx);
        seen.push(skb.len, skb.protocol, skb.get('vlan_present'), skb.get('vlan_tci'), skb.get('vlan_proto'));
        return 0;
      }).prog,
      { direction: 'ingress', directAction: true },
    );
    eth0.receive(tagged);
    expect(seen).toEqual([frame().length, 0x0008, 1, 0x2005, 0x0081]);
    expect(eth0.delivered).toEqual([tagged]);
  });

  it('are attached by verb', () => {
    const { kernel, cls, prog, eth0 } = world();
    const { fd } = cls(() => 0);
    const other = prog(BPF_PROG_TYPE_XDP, () => 2);
    const add = (ifindex: number, progFd: number, more: object = {}): number =>
      kernel.attachTc(ifindex, progFd, { direction: 'egress', ...more });
    expect(add(9, fd)).toBe(-ENODEV);
    expect(add(2, 99)).toBe(-9);
    expect(add(2, other.fd)).toBe(-EINVAL);
    expect(add(2, fd, { priority: 0 })).toBe(-EINVAL);
    expect(add(2, fd, { handle: 5 })).toBe(5);
    expect(add(2, fd, { handle: 5 })).toBe(-EEXIST);
    expect(add(2, fd)).toBe(1);
    expect(eth0.tc.egress.length).toBe(2);
    expect(kernel.detachTc(2, { direction: 'egress', handle: 5 })).toBe(0);
    expect(kernel.detachTc(2, { direction: 'egress', handle: 5 })).toBe(-ENOENT);
  });
});

describe('what a device sent', () => {
  it('can be written to a capture', () => {
    const { eth0 } = world();
    eth0.send(frame());
    eth0.send(frame(3));
    const capture = readCapture(encodePcap(eth0.transmitted));
    expect(capture.packets.map(({ data }) => data)).toEqual([frame(), frame(3)]);
  });
});

describe('actions', () => {
  it('say what becomes of a packet that a classifier put into a class', () => {
    const { net, prog } = nativeKernel();
    const eth0 = net.createDevice({ name: 'eth0' });
    let results: number[] = [];
    const ran: number[] = [];
    const actions = [0, 1].map(
      (at) =>
        prog(BPF_PROG_TYPE_SCHED_ACT, () => {
          ran.push(at);
          return results[at] ?? 0;
        }).prog,
    );
    eth0.attachTc(prog(BPF_PROG_TYPE_SCHED_CLS, () => 5).prog, { direction: 'ingress', actions });
    const verdict = (...given: number[]): unknown => {
      results = given;
      ran.length = 0;
      const { tc } = eth0.receive(new Uint8Array(60));
      return [tc?.code, tc?.classid, ran.length];
    };
    // 3 goes on, as -1 does; 2 drops; 9 is none of the verdicts, so that the next classifier is asked.
    expect([verdict(3, 0), verdict(-1, 2), verdict(2, 0), verdict(9, 0), verdict(3, 3)]).toEqual([
      [0, 5, 2],
      [2, 5, 2],
      [2, 5, 1],
      [-1, 0, 1],
      [0, 5, 2],
    ]);
    expect(() =>
      eth0.attachTc(prog(BPF_PROG_TYPE_SCHED_CLS, () => 1).prog, { direction: 'ingress', actions: [99] }),
    ).toThrow();
  });
});
