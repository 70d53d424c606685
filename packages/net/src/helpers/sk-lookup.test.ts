// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BPF_PROG_TYPE_XDP } from '@tsbpf/uapi';
import { nativeKernel, type NativeRun } from '../../test/native-kernel.ts';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { readField } from '../dev/fields.ts';
import { netOf } from '../net-state.ts';

const ip = (text: string): number[] => text.split('.').map(Number);
const port = (value: number): number[] => [value >> 8, value & 255];
/** Source first, as a packet to this host has it. */
const tuple4 = (saddr: string, sport: number, daddr: string, dport: number): Uint8Array =>
  Uint8Array.from([...ip(saddr), ...ip(daddr), ...port(sport), ...port(dport)]);

const world = () => {
  const made = nativeKernel();
  const { kernel, net } = made;
  const { mem } = kernel.state;
  const buf = mem.alloc(64);
  const eth0 = net.createDevice({ name: 'eth0' });
  const ask = (
    variant: Parameters<NativeRun['helper']>[0],
    tuple: Uint8Array,
    more: { len?: number; netns?: bigint; flags?: bigint } = {},
  ): number => {
    let found = 0n;
    const { prog } = made.prog(BPF_PROG_TYPE_XDP, ({ ctx, helper }) => {
      mem.writeBytes(buf, tuple);
      found = helper(variant, ctx, buf, more.len ?? tuple.length, more.netns ?? -1n, more.flags ?? 0n);
      return 1;
    });
    eth0.attachXdp(prog);
    eth0.receive(new Uint8Array(60));
    return Number(found);
  };
  const refs = (off: number): number => readField(kernel.state, off, 'sock_common.skc_refcnt');
  return { ...made, eth0, ask, refs };
};

describe('socket lookup', () => {
  it('prefers a connection to a listener, and a specific address to any', () => {
    const { net, ask, refs, call } = world();
    const any = net.addSocket({ protocol: 'tcp', local: { port: 80 } });
    const here = net.addSocket({ protocol: 'tcp', local: { ip: '10.0.0.2', port: 80 } });
    const remote = { ip: '10.0.0.9', port: 5000 };
    const connected = net.addSocket({ protocol: 'tcp', local: { ip: '10.0.0.2', port: 80 }, remote });
    const tcp = (...args: Parameters<typeof tuple4>): number => ask('bpf_xdp_sk_lookup_tcp', tuple4(...args));
    expect(tcp('10.0.0.9', 5000, '10.0.0.2', 80)).toBe(connected.off);
    expect(refs(connected.off)).toBe(2);
    expect(call(0, 'bpf_sk_release', connected.off)).toBe(0n);
    expect(refs(connected.off)).toBe(1);
    expect(tcp('10.0.0.9', 5001, '10.0.0.2', 80)).toBe(here.off);
    expect(refs(here.off)).toBe(1);
    expect(tcp('10.0.0.9', 5001, '10.0.0.3', 80)).toBe(any.off);
    expect(tcp('10.0.0.9', 5001, '10.0.0.3', 81)).toBe(0);
    expect(ask('bpf_xdp_sk_lookup_udp', tuple4('10.0.0.9', 5000, '10.0.0.2', 80))).toBe(0);
    expect(call(0, 'bpf_get_listener_sock', here.off)).toBe(BigInt(here.off));
    expect(call(0, 'bpf_get_listener_sock', connected.off)).toBe(0n);
    net.removeSocket(connected);
    expect(tcp('10.0.0.9', 5000, '10.0.0.2', 80)).toBe(here.off);
  });

  it('finds UDP sockets by their peer', () => {
    const { net, ask } = world();
    const open = net.addSocket({ protocol: 'udp', local: { port: 53 } });
    const peer = net.addSocket({ protocol: 'udp', local: { port: 53 }, remote: { ip: '10.0.0.9', port: 7 } });
    expect(ask('bpf_xdp_sk_lookup_udp', tuple4('10.0.0.9', 7, '10.0.0.2', 53))).toBe(peer.off);
    expect(ask('bpf_xdp_sk_lookup_udp', tuple4('10.0.0.8', 7, '10.0.0.2', 53))).toBe(open.off);
  });

  it('lets IPv6 sockets take IPv4, not the other way', () => {
    const { net, ask } = world();
    const both = net.addSocket({ protocol: 'tcp', version: 6, local: { port: 80 } });
    const four = net.addSocket({ protocol: 'tcp', version: 4, local: { port: 81 } });
    const tuple6 = (dport: number): Uint8Array => Uint8Array.from([...new Uint8Array(32), 1, 2, ...port(dport)]);
    expect(ask('bpf_xdp_sk_lookup_tcp', tuple4('10.0.0.9', 7, '10.0.0.2', 80))).toBe(both.off);
    expect(ask('bpf_xdp_sk_lookup_tcp', tuple6(80))).toBe(both.off);
    expect(ask('bpf_xdp_skc_lookup_tcp', tuple6(80))).toBe(both.off);
    expect(ask('bpf_xdp_sk_lookup_tcp', tuple6(81))).toBe(0);
    expect(ask('bpf_xdp_sk_lookup_tcp', tuple4('10.0.0.9', 7, '10.0.0.2', 81))).toBe(four.off);
  });

  it('answers NULL to what it does not understand', () => {
    const { net, ask } = world();
    net.addSocket({ protocol: 'tcp', local: { port: 80 } });
    const tuple = tuple4('10.0.0.9', 7, '10.0.0.2', 80);
    const tcp = (more: Parameters<typeof ask>[2]): number => ask('bpf_xdp_sk_lookup_tcp', tuple, more);
    expect(tcp({})).not.toBe(0);
    expect([tcp({ len: 11 }), tcp({ flags: 1n }), tcp({ flags: 1n << 32n }), tcp({ netns: 0n })]).toEqual([0, 0, 0, 0]);
  });

  it('stays in the namespace', () => {
    const { net, ask } = world();
    const netns = net.createNamespace();
    net.addSocket({ protocol: 'tcp', local: { port: 80 }, netns });
    expect(ask('bpf_xdp_sk_lookup_tcp', tuple4('10.0.0.9', 7, '10.0.0.2', 80))).toBe(0);
  });

  it('works for a program the verifier let pass', () => {
    const kernel = realKernel();
    const net = netOf(kernel.state);
    const eth0 = net.createDevice({ name: 'eth0' });
    net.addSocket({ protocol: 'tcp', local: { port: 0x1234 } });
    const source =
      'r6 = r1\nr1 = 0\n*(u64 *)(r10 - 16) = r1\nr1 = 0x34120000\n*(u32 *)(r10 - 8) = r1\nr1 = r6\nr2 = r10\n' +
      'r2 += -16\nr3 = 12\nr4 = -1\nr5 = 0\ncall 84\nr7 = 1\nif r0 == 0 goto out\nr7 = *(u32 *)(r0 + 44)\n' +
      'r1 = r0\ncall 86\nout:\nr0 = r7\nexit\n';
    eth0.attachXdp(loadAsm(kernel, BPF_PROG_TYPE_XDP, source));
    expect(eth0.receive(new Uint8Array(60)).code).toBe(0x1234);
  });
});
