// SPDX-License-Identifier: MIT
// What helpers on sk_buffs do, and each errno they answer. Values of packets are also compared with a real kernel's, in
// ../test-run/differential.root.test.ts.
import { describe, expect, it } from 'vitest';
import { buildPacket, internetChecksum } from '@tsbpf/capture';
import { EALREADY, EFAULT, EINVAL, ENOMEM, ENOTSUPP, ERANGE } from '@tsbpf/uapi';
import { nativeKernel } from '../../test/native-kernel.ts';
import { skbOfFrame } from '../skb/ethernet.ts';
import type { Skb } from '../skb/skb.ts';
import { createSock } from '../sock/sock.ts';

const eth = { type: 'eth', dst: '02:00:00:00:00:02', src: '02:00:00:00:00:99' } as const;
const udp4 = buildPacket(
  [eth, { type: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2', tos: 2 }, { type: 'udp', srcPort: 7, dstPort: 9 }],
  new Uint8Array(32).fill(0xab),
);
const udp6 = buildPacket(
  [eth, { type: 'ipv6', src: '2001:db8::1', dst: '2001:db8::2' }, { type: 'udp', srcPort: 7, dstPort: 9 }],
  new Uint8Array(32).fill(0xcd),
);

/** A packet as a classifier sees it, and helpers called on it. */
function packet(bytes: Uint8Array = udp4) {
  const { kernel, net, call } = nativeKernel();
  const device = net.createDevice({ name: 'eth0', ifindex: 2, mtu: 200 });
  const skb = skbOfFrame(kernel.state, device, bytes) as Skb;
  skb.push(14);
  const mem = kernel.state.mem;
  const buf = mem.alloc(1024);
  const helper = (variant: Parameters<typeof call>[1], ...args: (number | bigint)[]): number =>
    Number(call(skb.off, variant, skb.off, ...args));
  return { skb, mem, buf, helper, kernel, net, call, device };
}

describe('skb_load_bytes', () => {
  it('copies, or zeroes and says EFAULT', () => {
    const { helper, mem, buf } = packet();
    expect(helper('bpf_skb_load_bytes', 12, buf, 4)).toBe(0);
    expect(mem.readBytes(buf, 4)).toEqual(udp4.subarray(12, 16));
    for (const off of [udp4.length - 3, 0x10000, -1]) {
      mem.fill(buf, 4, 9);
      expect(helper('bpf_skb_load_bytes', off, buf, 4)).toBe(-EFAULT);
      expect(mem.readBytes(buf, 4)).toEqual(new Uint8Array(4));
    }
    expect(helper('bpf_skb_load_bytes', udp4.length - 4, buf, 4)).toBe(0);
  });

  it('counts from a header', () => {
    const { helper, mem, buf } = packet();
    expect(helper('bpf_skb_load_bytes_relative', 12, buf, 8, 1)).toBe(0);
    expect(mem.readBytes(buf, 8)).toEqual(new Uint8Array([10, 0, 0, 1, 10, 0, 0, 2]));
    expect(helper('bpf_skb_load_bytes_relative', 6, buf, 6, 0)).toBe(0);
    expect(mem.readBytes(buf, 6)).toEqual(udp4.subarray(6, 12));
    expect(helper('bpf_skb_load_bytes_relative', 0, buf, 4, 2)).toBe(-EFAULT);
    expect(helper('bpf_skb_load_bytes_relative', udp4.length - 17, buf, 4, 1)).toBe(-EFAULT);
  });
});

describe('skb_store_bytes', () => {
  it('writes, and refuses', () => {
    const { helper, mem, buf, skb } = packet();
    mem.writeBytes(buf, new Uint8Array([1, 2, 3, 4]));
    skb.set('hash', 5);
    expect(helper('bpf_skb_store_bytes', 20, buf, 4, 0)).toBe(0);
    expect(mem.readBytes(skb.data + 20, 4)).toEqual(new Uint8Array([1, 2, 3, 4]));
    expect(skb.get('hash')).toBe(5);
    expect(helper('bpf_skb_store_bytes', 20, buf, 4, 2)).toBe(0);
    expect(skb.get('hash')).toBe(0);
    expect(helper('bpf_skb_store_bytes', 20, buf, 4, 4)).toBe(-EINVAL);
    expect(helper('bpf_skb_store_bytes', 20, buf, 4, 1n << 32n)).toBe(-EINVAL);
    expect(helper('bpf_skb_store_bytes', 0x10000, buf, 4, 0)).toBe(-EFAULT);
    expect(helper('bpf_skb_store_bytes', udp4.length - 3, buf, 4, 0)).toBe(-EFAULT);
  });

  it('keeps the sum of a received packet right when asked', () => {
    const { helper, mem, buf, skb } = packet();
    const sum = (): number => ~internetChecksum(skb.bytes()) & 0xffff;
    const swap = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);
    const fold = (value: number): number => {
      const once = (value >>> 16) + (value & 0xffff);
      return (once >>> 16) + (once & 0xffff);
    };
    skb.set('ip_summed', 2);
    skb.set('csum', swap(sum()));
    mem.writeBytes(buf, new Uint8Array([0x12, 0x34, 0x56]));
    for (const off of [20, 21, 33]) {
      expect(helper('bpf_skb_store_bytes', off, buf, 3, 1)).toBe(0);
      expect(fold(skb.get('csum'))).toBe(swap(sum()));
    }
    expect(helper('bpf_csum_update', 0)).toBe(skb.get('csum'));
  });

  it('leaves a clone alone', () => {
    const { helper, buf, skb } = packet();
    const clone = skb.clone() as Skb;
    expect(skb.shared && clone.shared).toBe(true);
    expect(helper('bpf_skb_store_bytes', 0, buf, 6, 0)).toBe(0);
    expect(clone.bytes()).toEqual(udp4);
    expect(skb.shared || clone.shared).toBe(false);
  });
});

describe('checksums', () => {
  it('l3_csum_replace keeps the header right', () => {
    const { helper, mem, skb } = packet();
    const header = (): number => internetChecksum(mem.readBytes(skb.data + 14, 20));
    expect(header()).toBe(0);
    const before = mem.read32(skb.data + 26);
    mem.writeBytes(skb.data + 26, new Uint8Array([192, 168, 7, 9]));
    expect(helper('bpf_l3_csum_replace', 24, before, mem.read32(skb.data + 26), 4)).toBe(0);
    expect(header()).toBe(0);
    const id = mem.read16(skb.data + 18);
    mem.write16(skb.data + 18, 0x5678);
    expect(helper('bpf_l3_csum_replace', 24, id, 0x5678, 2)).toBe(0);
    expect(header()).toBe(0);
    expect(helper('bpf_l3_csum_replace', 24, 0, 0, 0)).toBe(0);
    expect(header()).toBe(0);
  });

  it('refuses', () => {
    const { helper } = packet();
    for (const variant of ['bpf_l3_csum_replace', 'bpf_l4_csum_replace'] as const) {
      expect(helper(variant, 24, 0, 0, 1 << 8)).toBe(-EINVAL);
      expect(helper(variant, 24, 0, 0, 1n << 40n)).toBe(-EINVAL);
      expect(helper(variant, 24, 0, 0, 3)).toBe(-EINVAL);
      expect(helper(variant, 24, 1, 0, 0)).toBe(-EINVAL);
      expect(helper(variant, 24, 1n << 32n, 0, 0)).toBe(-EINVAL);
      expect(helper(variant, 25, 0, 0, 2)).toBe(-EFAULT);
      expect(helper(variant, 0x10000, 0, 0, 2)).toBe(-EFAULT);
      expect(helper(variant, udp4.length, 0, 0, 2)).toBe(-EFAULT);
    }
    expect(helper('bpf_l3_csum_replace', 24, 0, 0, 16)).toBe(-EINVAL);
  });

  it('l4_csum_replace keeps UDP right, and zero means none', () => {
    const { helper, mem, skb } = packet();
    const right = (): boolean => {
      const udp = skb.bytes().subarray(34);
      const pseudo = [...skb.bytes().subarray(26, 34), 0, 17, 0, udp.length];
      return internetChecksum(Uint8Array.from([...pseudo, ...udp])) === 0;
    };
    expect(right()).toBe(true);
    mem.write16(skb.data + 34, 0x0102);
    expect(right()).toBe(false);
    expect(helper('bpf_l4_csum_replace', 40, 0x0700, 0x0102, 2 | 0x20)).toBe(0);
    expect(right()).toBe(true);
    mem.write16(skb.data + 40, 0);
    expect(helper('bpf_l4_csum_replace', 40, 1, 2, 2 | 0x20)).toBe(0);
    expect(mem.read16(skb.data + 40)).toBe(0);
    expect(helper('bpf_l4_csum_replace', 40, 1, 2, 2 | 0x60)).toBe(0);
    expect(mem.read16(skb.data + 40)).not.toBe(0);
  });

  it('csum_diff', () => {
    const { mem, buf, call } = packet();
    const diff = (from: number, fromLen: number, to: number, toLen: number, seed: number): bigint =>
      call(0, 'bpf_csum_diff', from, fromLen, to, toLen, seed);
    mem.write32(buf, 0x01020304);
    mem.write32(buf + 4, 0xffffffff);
    expect(diff(0, 0, buf, 4, 0)).toBe(0x01020304n);
    expect(diff(0, 0, buf, 8, 1)).toBe(0x01020305n);
    expect(diff(buf, 4, 0, 0, 0)).toBe(0xfefdfcfbn);
    expect(diff(buf, 4, buf, 4, 0)).toBe(0xffffffffn);
    expect(diff(0, 0, 0, 0, 77)).toBe(77n);
    expect(BigInt.asIntN(64, diff(buf, 3, 0, 0, 0))).toBe(BigInt(-EINVAL));
    expect(BigInt.asIntN(64, diff(0, 0, buf, 516, 0))).toBe(BigInt(-EINVAL));
    expect(diff(buf, 256, buf, 256, 0)).toBe(0xffffffffn);
  });

  it('csum_update needs a packet summed by its device', () => {
    const { helper, skb } = packet();
    expect(helper('bpf_csum_update', 5)).toBe(-ENOTSUPP);
    skb.set('ip_summed', 2);
    skb.set('csum', 0xfffffffe);
    expect(helper('bpf_csum_update', 5)).toBe(4);
  });
});

describe('length and kind', () => {
  it('change_tail grows with zeroes and trims, between headers and MTU', () => {
    const { helper, skb } = packet();
    expect(helper('bpf_skb_change_tail', 100, 0)).toBe(0);
    expect(skb.bytes()).toEqual(Uint8Array.from([...udp4, ...new Uint8Array(100 - udp4.length)]));
    expect(helper('bpf_skb_change_tail', 214, 0)).toBe(0);
    expect(helper('bpf_skb_change_tail', 215, 0)).toBe(-EINVAL);
    expect(helper('bpf_skb_change_tail', 14, 0)).toBe(0);
    expect(helper('bpf_skb_change_tail', 13, 0)).toBe(-EINVAL);
    expect(helper('bpf_skb_change_tail', 20, 1)).toBe(-EINVAL);
    skb.set('encapsulation', 1);
    expect(helper('bpf_skb_change_tail', 20, 0)).toBe(-ENOTSUPP);
  });

  it('change_head makes room before the packet', () => {
    const { helper, skb } = packet();
    expect(helper('bpf_skb_change_head', 14, 0)).toBe(0);
    expect(skb.bytes()).toEqual(Uint8Array.from([...new Uint8Array(14), ...udp4]));
    expect(skb.headerOffset('mac_header')).toBe(0);
    expect(helper('bpf_skb_change_head', 100, 0)).toBe(0);
    expect(helper('bpf_skb_change_head', 100, 0)).toBe(-EINVAL);
    expect(helper('bpf_skb_change_head', -8, 0)).toBe(-EINVAL);
    expect(helper('bpf_skb_change_head', 1, 1n << 33n)).toBe(-EINVAL);
  });

  it('change_proto swaps the room of IP headers', () => {
    const v4 = packet();
    expect(v4.helper('bpf_skb_change_proto', 0xdd86, 0)).toBe(0);
    expect([v4.skb.protocol, v4.skb.len, v4.skb.macHeaderLen]).toEqual([0xdd86, udp4.length + 20, 14]);
    expect(v4.skb.bytes().subarray(0, 14)).toEqual(udp4.subarray(0, 14));
    expect(v4.skb.bytes().subarray(14, 34)).toEqual(new Uint8Array(20));
    expect(v4.skb.bytes().subarray(34)).toEqual(udp4.subarray(14));
    expect(v4.helper('bpf_skb_change_proto', 0x0008, 0)).toBe(0);
    expect(v4.skb.bytes()).toEqual(udp4);
    expect(v4.helper('bpf_skb_change_proto', 0x0008, 0)).toBe(-ENOTSUPP);
    expect(v4.helper('bpf_skb_change_proto', 0xdd86, 1)).toBe(-EINVAL);
    const v6 = packet(udp6);
    expect(v6.helper('bpf_skb_change_proto', 0x0008, 0)).toBe(0);
    expect(v6.skb.len).toBe(udp6.length - 20);
  });

  it('change_type knows four', () => {
    const { helper, skb } = packet();
    expect([3, 4, -1].map((type) => helper('bpf_skb_change_type', type))).toEqual([0, -EINVAL, -EINVAL]);
    skb.set('pkt_type', 4);
    expect(helper('bpf_skb_change_type', 0)).toBe(-EINVAL);
  });

  it('pull_data wants no more than there is', () => {
    const { helper } = packet();
    expect([0, 20, udp4.length, udp4.length + 1].map((len) => helper('bpf_skb_pull_data', len))).toEqual([
      0,
      0,
      0,
      -ENOMEM,
    ]);
  });
});

describe('skb_adjust_room', () => {
  it('opens and closes gaps', () => {
    const { helper, skb } = packet();
    expect(helper('bpf_skb_adjust_room', 8, 1, 0)).toBe(0);
    expect(skb.bytes()).toEqual(Uint8Array.from([...udp4.subarray(0, 14), ...new Uint8Array(8), ...udp4.subarray(14)]));
    expect(helper('bpf_skb_adjust_room', -8, 1, 0)).toBe(0);
    expect(skb.bytes()).toEqual(udp4);
    expect(helper('bpf_skb_adjust_room', 4, 0, 0)).toBe(0);
    expect(skb.bytes()).toEqual(Uint8Array.from([...udp4.subarray(0, 34), 0, 0, 0, 0, ...udp4.subarray(34)]));
  });

  it.each<[string, number, number, number | bigint, number]>([
    ['unknown flag', 8, 0, 32, -EINVAL],
    ['unknown high flag', 8, 0, 1n << 40n, -EINVAL],
    ['more than 4095', 4096, 0, 0, -EFAULT],
    ['less than -4095', -4096, 0, 0, -EFAULT],
    ['unknown mode', 8, 2, 0, -ENOTSUPP],
    ['more than the MTU', 190, 0, 0, -ENOTSUPP],
    ['into the IP header', -45, 0, 0, -ENOTSUPP],
    ['encapsulation when shrinking', -4, 0, 2, -EINVAL],
    ['both IP versions', 20, 1, 6, -EINVAL],
    ['both GRE and UDP', 28, 1, 2 | 8 | 16, -EINVAL],
    ['inner link header larger than the room', 8, 1, 2n | (9n << 56n), -EINVAL],
  ])('%s', (_name, diff, mode, flags, expected) => {
    expect(packet().helper('bpf_skb_adjust_room', diff, mode, flags)).toBe(expected);
  });

  it('marks encapsulation', () => {
    const { helper, skb } = packet();
    expect(helper('bpf_skb_adjust_room', 40, 1, 4)).toBe(0);
    expect([skb.protocol, skb.get('encapsulation'), skb.headerOffset('inner_network_header')]).toEqual([0xdd86, 1, 54]);
    expect(skb.headerOffset('transport_header')).toBe(54);
    expect(helper('bpf_skb_adjust_room', 20, 1, 2)).toBe(-EALREADY);
  });

  it('needs IP', () => {
    const arp = new Uint8Array(60);
    arp.set([8, 6], 12);
    expect(packet(arp).helper('bpf_skb_adjust_room', 8, 0, 0)).toBe(-ENOTSUPP);
  });
});

describe('VLAN tags', () => {
  it('one beside the packet, more in it', () => {
    const { helper, skb } = packet();
    expect(helper('bpf_skb_vlan_push', 0x1234, 5)).toBe(0);
    expect([skb.get('vlan_present'), skb.get('vlan_proto'), skb.get('vlan_tci'), skb.len]).toEqual([
      1,
      0x0081,
      5,
      udp4.length,
    ]);
    expect(helper('bpf_skb_vlan_push', 0xa888, 6)).toBe(0);
    expect(skb.bytes()).toEqual(Uint8Array.from([...udp4.subarray(0, 12), 0x81, 0, 0, 5, ...udp4.subarray(12)]));
    expect([skb.protocol, skb.get('vlan_proto'), skb.get('vlan_tci')]).toEqual([0x0081, 0xa888, 6]);
    expect(helper('bpf_skb_vlan_pop')).toBe(0);
    expect([skb.bytes(), skb.protocol, skb.get('vlan_tci')]).toEqual([udp4, 0x0008, 5]);
    expect(helper('bpf_skb_vlan_pop')).toBe(0);
    expect(skb.get('vlan_present')).toBe(0);
    expect(helper('bpf_skb_vlan_pop')).toBe(0);
    expect(skb.bytes()).toEqual(udp4);
  });
});

describe('hash', () => {
  it('is the same both ways and for both reads, and can be set and forgotten', () => {
    const { helper, skb } = packet();
    const there = helper('bpf_get_hash_recalc');
    expect(there).toBe(skb.get('hash'));
    expect(there).not.toBe(0);
    const back = buildPacket(
      [eth, { type: 'ipv4', src: '10.0.0.2', dst: '10.0.0.1' }, { type: 'udp', srcPort: 9, dstPort: 7 }],
      new Uint8Array(4),
    );
    expect(packet(back).helper('bpf_get_hash_recalc')).toBe(there);
    expect(packet(udp6).helper('bpf_get_hash_recalc')).not.toBe(there);
    expect(helper('bpf_set_hash', 0x12345678)).toBe(0);
    expect(helper('bpf_get_hash_recalc')).toBe(0x12345678);
    expect(helper('bpf_set_hash_invalid')).toBe(0);
    expect(skb.get('hash')).toBe(0);
    expect(helper('bpf_get_hash_recalc')).toBe(there);
  });
});

describe('sockets and classes of packets', () => {
  it('cookie and user', () => {
    const { helper, skb, kernel, net } = packet();
    expect([helper('bpf_get_socket_cookie'), helper('bpf_get_socket_uid')]).toEqual([0, 65534]);
    const sock = createSock(kernel.state, { netns: net.initNs, uid: 1000 });
    const other = createSock(kernel.state, { netns: net.initNs, uid: 7 });
    skb.sk = sock?.off ?? 0;
    expect([helper('bpf_get_socket_cookie'), helper('bpf_get_socket_uid')]).toEqual([1, 1000]);
    skb.sk = other?.off ?? 0;
    expect([helper('bpf_get_socket_cookie'), helper('bpf_get_socket_uid')]).toEqual([2, 7]);
    skb.sk = sock?.off ?? 0;
    expect(helper('bpf_get_socket_cookie')).toBe(1);
    expect([helper('bpf_get_cgroup_classid'), helper('bpf_get_route_realm')]).toEqual([0, 0]);
  });
});

describe('skb_ecn_set_ce', () => {
  it('marks who speaks ECN, and keeps the checksum', () => {
    const { helper, mem, skb } = packet();
    expect(helper('bpf_skb_ecn_set_ce')).toBe(1);
    expect(mem.read8(skb.data + 15)).toBe(3);
    expect(internetChecksum(mem.readBytes(skb.data + 14, 20))).toBe(0);
    expect(helper('bpf_skb_ecn_set_ce')).toBe(1);
    mem.write8(skb.data + 15, 0);
    expect(helper('bpf_skb_ecn_set_ce')).toBe(0);
    expect(packet(udp6).helper('bpf_skb_ecn_set_ce')).toBe(0);
  });
});

describe('clone_redirect', () => {
  it('needs a link header', () => {
    const { helper, skb } = packet();
    skb.setHeader('network_header', skb.header('mac_header'));
    expect(helper('bpf_clone_redirect', 2, 0)).toBe(-ERANGE);
  });
});
