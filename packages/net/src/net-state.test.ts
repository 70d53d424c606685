// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BPF_PROG_TYPE_XDP, ENODEV } from '@tsbpf/uapi';
import { nativeKernel } from '../test/native-kernel.ts';

const frame = new Uint8Array(60);

describe('devices', () => {
  it('have a loopback among them, and names and numbers of their own', () => {
    const { net, kernel } = nativeKernel();
    expect(net.devices.map(({ name, ifindex, mtu }) => [name, ifindex, mtu])).toEqual([['lo', 1, 65536]]);
    const eth0 = net.createDevice({ name: 'eth0' });
    expect([eth0.ifindex, kernel.ifNameToIndex('eth0'), kernel.ifNameToIndex('eth9')]).toEqual([2, 2, -ENODEV]);
    expect(() => net.createDevice({ name: 'eth0' })).toThrow(/exists/);
    expect(() => net.createDevice({ name: 'x', ifindex: 1 })).toThrow(/exists/);
    expect(() => net.createDevice({ name: '' })).toThrow(/1 to 15/);
    expect(() => net.createDevice({ name: 'x'.repeat(16) })).toThrow(/1 to 15/);
    expect(() => net.device('nope')).toThrow(/lo, eth0/);
    expect(() => eth0.receive(frame, { queue: 1 })).toThrow(/queue/);
    expect(() => eth0.receive(new Uint8Array(13))).toThrow(/Ethernet/);
  });

  it('are laid out by name', () => {
    const { net, kernel } = nativeKernel();
    const mac = new Uint8Array([2, 1, 2, 3, 4, 5]);
    const eth0 = net.createDevice({ name: 'eth0', ifindex: 0x12345678, mac, mtu: 9000 });
    const { mem, types } = kernel.state;
    const at = (member: string): number => eth0.off + types.resolve(`net_device.${member}`).off;
    expect(new TextDecoder().decode(mem.readBytes(at('name'), 5))).toBe('eth0\0');
    expect([mem.read32(at('ifindex')), mem.read32(at('mtu')), mem.read16(at('type'))]).toEqual([0x12345678, 9000, 1]);
    expect(mem.readBytes(mem.read32(at('dev_addr')), 6)).toEqual(mac);
    expect(mem.read64(at('nd_net'))).toBe(mem.toAddr(net.initNs.off));
  });

  it('live in namespaces that do not see each other', () => {
    const { net, prog } = nativeKernel();
    const other = net.createNamespace();
    const inside = net.createDevice({ name: 'eth0', netns: other });
    const outside = net.createDevice({ name: 'eth0' });
    expect([inside.ifindex, outside.ifindex]).toEqual([2, 2]);
    expect(net.findDevice('eth0', other)).toBe(inside);
    expect(net.findDevice('eth0')).toBe(outside);
    inside.attachXdp(prog(BPF_PROG_TYPE_XDP, ({ helper }) => Number(helper('bpf_xdp_redirect', 1, 0))).prog);
    expect(inside.receive(frame).redirect?.err).toBe(-95);
    expect(net.devices.length).toBe(4);
  });

  it('give back what they held', () => {
    const { net, prog, kernel } = nativeKernel();
    const before = kernel.state.mem.liveRegions;
    const eth0 = net.createDevice({ name: 'eth0', rxQueues: 4 });
    const { prog: pass } = prog(BPF_PROG_TYPE_XDP, () => 2);
    eth0.attachXdp(pass);
    net.removeDevice(eth0);
    expect(pass.refs).toBe(1);
    expect(net.findDevice('eth0')).toBeUndefined();
    expect(kernel.state.mem.liveRegions).toBe(before + 1);
  });
});

describe('a checkpoint', () => {
  it('brings back devices, programs and what was sent', () => {
    const { net, prog, kernel } = nativeKernel();
    const eth0 = net.createDevice({ name: 'eth0' });
    const tx = prog(BPF_PROG_TYPE_XDP, () => 3).prog;
    eth0.attachXdp(tx);
    eth0.receive(frame);
    const mem = kernel.state.mem.save();
    const saved = net.save();
    eth0.receive(frame);
    eth0.attachXdp(-1);
    net.createDevice({ name: 'eth1' });
    expect([eth0.transmitted.length, net.devices.length]).toEqual([2, 3]);
    kernel.state.mem.restore(mem);
    net.restore(saved);
    expect([eth0.transmitted.length, net.devices.length, eth0.xdp.native]).toEqual([1, 2, tx]);
    expect(eth0.receive(frame).action).toBe('XDP_TX');
  });

  it('two kernels share nothing', () => {
    const one = nativeKernel();
    const two = nativeKernel();
    one.net.createDevice({ name: 'eth0' });
    expect(two.net.findDevice('eth0')).toBeUndefined();
    expect(one.net).not.toBe(two.net);
  });
});
