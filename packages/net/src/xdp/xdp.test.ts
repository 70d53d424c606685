// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_XDP,
  EACCES,
  EBUSY,
  EEXIST,
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENODEV,
  ENOSPC,
  EOPNOTSUPP,
  type TestRunAttr,
} from '@tsbpf/uapi';
import { nativeKernel } from '../../test/native-kernel.ts';
import { XdpBuff } from './xdp-buff.ts';

const frame = (len: number): Uint8Array => Uint8Array.from({ length: len }, (_, i) => i & 255);

describe('device with XDP', () => {
  it('shows the program the frame, its device and its queue', () => {
    const { net, prog, kernel } = nativeKernel();
    const eth0 = net.createDevice({ name: 'eth0', ifindex: 7, rxQueues: 2 });
    const seen: unknown[] = [];
    const { fd } = prog(BPF_PROG_TYPE_XDP, ({ ctx }) => {
      const xdp = new XdpBuff(kernel.state, ctx);
      const { mem, types } = kernel.state;
      const dev = mem.read32(xdp.rxq + types.resolve('xdp_rxq_info.dev').off);
      seen.push(
        xdp.bytes(),
        xdp.data - xdp.hardStart,
        xdp.metaLen,
        mem.read32(dev + types.resolve('net_device.ifindex').off),
        mem.read32(xdp.rxq + types.resolve('xdp_rxq_info.queue_index').off),
      );
      return 2;
    });
    expect(kernel.setLinkXdp(7, fd, 0)).toBe(0);
    const result = eth0.receive(frame(64), { queue: 1 });
    expect(seen).toEqual([frame(64), 256, 0, 7, 1]);
    expect(result).toMatchObject({ action: 'XDP_PASS', code: 2, data: frame(64) });
    expect(eth0.delivered).toEqual([frame(64)]);
    expect(kernel.state.mem.regionOf(eth0.off)?.lenBytes).toBe(kernel.state.types.sizeOf('net_device'));
  });

  it.each([
    [0, 'XDP_ABORTED', true],
    [1, 'XDP_DROP', false],
    [3, 'XDP_TX', false],
    [5, 'XDP_ABORTED', true],
    [0xffffffff, 'XDP_ABORTED', true],
  ])('verdict %i is %s', (code, action, exception) => {
    const { net, prog, kernel } = nativeKernel();
    const eth0 = net.createDevice({ name: 'eth0' });
    const traced: unknown[] = [];
    kernel.state.tracepoints.listen('xdp_exception', (args) => traced.push(args[2]));
    eth0.attachXdp(prog(BPF_PROG_TYPE_XDP, () => code).prog);
    expect(eth0.receive(frame(60))).toMatchObject({ action, code });
    eth0.receive(frame(60));
    expect(traced).toEqual(exception ? [code, code] : []);
    expect(eth0.transmitted.length).toBe(code === 3 ? 2 : 0);
    expect(eth0.delivered.length).toBe(0);
    expect(kernel.state.env.dmesg).toEqual(code > 4 ? [`Illegal XDP return value ${code}, expect packet loss!`] : []);
  });

  it('redirects to a device of its namespace', () => {
    const { net, prog, kernel } = nativeKernel();
    const eth0 = net.createDevice({ name: 'eth0', ifindex: 2 });
    const eth1 = net.createDevice({ name: 'eth1', ifindex: 3, mtu: 100 });
    net.createDevice({ name: 'noxmit', ifindex: 4, nativeXdp: false });
    let target = 3;
    eth0.attachXdp(prog(BPF_PROG_TYPE_XDP, ({ helper }) => Number(helper('bpf_xdp_redirect', target, 0))).prog);
    expect(eth0.receive(frame(64)).redirect).toEqual({ index: 3, err: 0 });
    expect(eth1.drain()).toMatchObject([{ data: frame(64), by: 'xdp-redirect' }]);
    expect(eth0.receive(frame(118)).redirect).toEqual({ index: 3, err: 0 });
    expect(eth0.receive(frame(119)).redirect).toEqual({ index: 3, err: -EMSGSIZE });
    eth1.up = false;
    expect(eth0.receive(frame(64)).redirect?.err).toBe(-ENETDOWN);
    target = 9;
    expect(eth0.receive(frame(64)).redirect?.err).toBe(-EINVAL);
    target = 4;
    expect(eth0.receive(frame(64)).redirect?.err).toBe(-EOPNOTSUPP);
    expect(kernel.state.env.dmesg).toEqual([]);
  });

  it('flags make bpf_redirect abort', () => {
    const { net, prog } = nativeKernel();
    const eth0 = net.createDevice({ name: 'eth0' });
    let flags = 1n;
    eth0.attachXdp(prog(BPF_PROG_TYPE_XDP, ({ helper }) => Number(helper('bpf_xdp_redirect', 1, flags))).prog);
    expect(eth0.receive(frame(64)).action).toBe('XDP_ABORTED');
    flags = 1n << 40n;
    expect(eth0.receive(frame(64)).action).toBe('XDP_ABORTED');
  });
});

describe('attaching', () => {
  const world = () => {
    const made = nativeKernel();
    const eth0 = made.net.createDevice({ name: 'eth0', ifindex: 2 });
    made.net.createDevice({ name: 'slow', ifindex: 3, nativeXdp: false });
    const pass = made.prog(BPF_PROG_TYPE_XDP, () => 2);
    const drop = made.prog(BPF_PROG_TYPE_XDP, () => 1);
    return { ...made, eth0, pass, drop, set: made.kernel.setLinkXdp };
  };

  it('answers as dev_change_xdp_fd', () => {
    const { set, pass, drop, eth0 } = world();
    expect(set(99, pass.fd, 0)).toBe(-ENODEV);
    expect(set(2, pass.fd, 16)).toBe(-EINVAL);
    expect(set(2, pass.fd, 2 | 4)).toBe(-EINVAL);
    expect(set(2, 77, 0)).toBe(-9);
    expect(set(2, pass.fd, 0)).toBe(0);
    expect(pass.prog.refs).toBe(2);
    expect(set(2, pass.fd, 0)).toBe(0);
    expect(pass.prog.refs).toBe(2);
    expect(set(2, drop.fd, 1)).toBe(-EBUSY);
    expect(set(2, drop.fd, 2)).toBe(-EEXIST);
    expect(set(2, drop.fd, 4)).toBe(0);
    expect([pass.prog.refs, drop.prog.refs]).toEqual([1, 2]);
    expect(set(2, drop.fd, 8)).toBe(-EINVAL);
    expect(set(2, -1, 8)).toBe(0);
    expect(set(2, -1, 2)).toBe(0);
    expect(eth0.xdp.native).toBe(drop.prog);
    expect(set(2, -1, 0)).toBe(0);
    expect(eth0.xdp.native).toBeUndefined();
    expect(set(2, drop.fd, 2)).toBe(0);
    expect(set(2, pass.fd, 4)).toBe(-EEXIST);
    expect(eth0.receive(frame(60)).action).toBe('XDP_DROP');
  });

  it('uses sk_buffs where the driver has no XDP', () => {
    const { set, drop, net } = world();
    expect(set(3, drop.fd, 4)).toBe(-EOPNOTSUPP);
    expect(set(3, drop.fd, 0)).toBe(0);
    expect(net.device('slow').xdp.generic).toBe(drop.prog);
    expect(set(3, drop.fd, 1)).toBe(-EBUSY);
  });
});

describe('moving the ends', () => {
  const run = (body: (helper: (variant: never, offset: number) => number) => void): XdpBuff | undefined => {
    const { kernel, net, prog } = nativeKernel();
    let last: XdpBuff | undefined;
    const { prog: p } = prog(BPF_PROG_TYPE_XDP, ({ ctx, helper }) => {
      last = new XdpBuff(kernel.state, ctx);
      body((variant, offset) => Number(helper(variant, ctx, offset)));
      return 2;
    });
    const eth0 = net.createDevice({ name: 'eth0' });
    eth0.attachXdp(p);
    eth0.receive(frame(64));
    return last;
  };

  it('adjust_head keeps the frame description and an Ethernet header', () => {
    run((helper) => {
      const head = (by: number): number => helper('bpf_xdp_adjust_head' as never, by);
      expect([head(51), head(50), head(1), head(-50), head(-225), head(-224), head(-1)]).toEqual([
        -EINVAL,
        0,
        -EINVAL,
        0,
        -EINVAL,
        0,
        -EINVAL,
      ]);
    });
  });

  it('adjust_meta takes up to 32 bytes in fours, and moves with the head', () => {
    run((helper) => {
      const meta = (by: number): number => helper('bpf_xdp_adjust_meta' as never, by);
      const head = (by: number): number => helper('bpf_xdp_adjust_head' as never, by);
      expect([meta(-36), meta(-3), meta(4), meta(-32), meta(-4), meta(28)]).toEqual([
        -EACCES,
        -EACCES,
        -EINVAL,
        0,
        -EACCES,
        0,
      ]);
      expect([head(-220), head(-221), head(-1)]).toEqual([0, -EINVAL, -EINVAL]);
      expect(meta(-4)).toBe(-EINVAL);
    });
  });

  it('adjust_tail only shrinks, and leaves an Ethernet header', () => {
    run((helper) => {
      const tail = (by: number): number => helper('bpf_xdp_adjust_tail' as never, by);
      expect([tail(0), tail(1), tail(-51), tail(-50), tail(-1)]).toEqual([-EINVAL, -EINVAL, -EINVAL, 0, -EINVAL]);
    });
  });
});

describe('BPF_PROG_TEST_RUN', () => {
  const world = nativeKernel();
  const { kernel, prog } = world;
  const { fd } = prog(BPF_PROG_TYPE_XDP, ({ ctx, helper }) => {
    helper('bpf_xdp_adjust_head', ctx, 4);
    return 3;
  });
  const test = (attr: Omit<TestRunAttr, 'prog_fd'>): [number, TestRunAttr] => {
    const full = { prog_fd: fd, ...attr };
    return [kernel.bpf(BPF_PROG_TEST_RUN, full), full];
  };

  it('answers the packet, its size and the verdict', () => {
    const [err, attr] = test({ data_in: frame(64), data_out: new Uint8Array(100), repeat: 3 });
    expect(err).toBe(0);
    expect(attr).toMatchObject({ retval: 3, data_size_out: 52 });
    expect(attr.data_out?.subarray(0, 52)).toEqual(frame(64).subarray(12));
    expect(attr.data_out?.subarray(52)).toEqual(new Uint8Array(48));
    expect(attr.duration).toBeGreaterThanOrEqual(0);
  });

  it('copies what fits, and says so', () => {
    const [err, attr] = test({ data_in: frame(64), data_out: new Uint8Array(10) });
    expect(err).toBe(-ENOSPC);
    expect(attr).toMatchObject({ retval: 3, data_size_out: 60, data_out: frame(64).subarray(4, 14) });
  });

  it.each([
    [13, -EINVAL],
    [14, 0],
    [3840, 0],
    [3841, -EINVAL],
  ])('takes data of %i bytes: %i', (len, expected) => {
    expect(test({ data_in: frame(len) })[0]).toBe(expected);
  });

  it('takes no context', () => {
    expect(test({ data_in: frame(64), ctx_in: new Uint8Array(20) })[0]).toBe(-EINVAL);
    expect(test({ data_in: frame(64), ctx_out: new Uint8Array(20) })[0]).toBe(-EINVAL);
  });

  it('lets a listener of bpf_test_finish change the error', () => {
    const stop = kernel.state.tracepoints.listen('bpf_test_finish', ([err]) => {
      const { off } = err as { off: number };
      expect(kernel.state.mem.readS32(off)).toBe(0);
      kernel.state.mem.write32(off, -EACCES);
    });
    expect(test({ data_in: frame(64) })[0]).toBe(-EACCES);
    stop();
    expect(test({ data_in: frame(64) })[0]).toBe(0);
  });

  it('leaves no memory behind', () => {
    test({ data_in: frame(64) });
    const before = kernel.state.mem.liveRegions;
    test({ data_in: frame(64) });
    expect(kernel.state.mem.liveRegions).toBe(before);
  });
});
