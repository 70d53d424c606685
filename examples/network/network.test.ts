// SPDX-License-Identifier: MIT
// How to test a program among hosts: two cables, a router in the middle, and what arrives where. The same topology as a
// file: `tsbpf net run topology.json --pcap ../xdp-firewall/traffic.pcap --out seen`.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildPacket, decodePacket, formatMac, type Ipv4Layer } from '@tsbpf/capture';
import { createKernel, openObject, Topology } from 'tsbpf';

const OBJECT = readFileSync(new URL('./forward.bpf.o', import.meta.url));

/** client.eth0 — router.left, router.right — server.eth0, with the program at the router's left. */
function network() {
  const kernel = createKernel({ devices: [] });
  const net = new Topology(kernel.net);
  const [client, left] = net.cable('client.eth0', 'router.left');
  const [right, server] = net.cable('router.right', 'server.eth0');
  const obj = openObject(OBJECT, { sys: kernel, name: 'forward' });
  obj.load();
  net.host('router').run(() => {
    obj.progs.get('forward')?.attachXdp(left);
    obj.maps.get('other_port')?.set(left.ifindex, right.ifindex);
  });
  net.host('client').run(() => obj.progs.get('count')?.attachTc(client, { direction: 'egress' }));
  const datagram = (ttl: number): Uint8Array =>
    buildPacket([
      { type: 'eth', dst: formatMac(server.mac) },
      { type: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2', ttl },
      { type: 'udp', srcPort: 4000, dstPort: 53 },
    ]);
  return { net, obj, client, left, right, server, datagram };
}

describe('a router between two hosts', () => {
  it('sends on what has hops left, with one less', () => {
    const { net, client, server, left, datagram } = network();
    const dns = net.host('server').receiver({ protocol: 'udp', local: { port: 53 } });
    client.send(datagram(64));
    expect(dns.received).toHaveLength(1);
    const ip = decodePacket(server.delivered[0] ?? new Uint8Array()).layers.find((layer) => layer.type === 'ipv4');
    expect(ip as Ipv4Layer).toMatchObject({ ttl: 63 });
    expect(decodePacket(server.delivered[0] ?? new Uint8Array()).problems).toEqual([]);
    client.send(datagram(1));
    expect([server.delivered.length, left.delivered.length]).toEqual([1, 0]);
  });

  it('counts what the client sends', () => {
    const { obj, client, datagram } = network();
    for (let i = 0; i < 3; i++) client.send(datagram(64));
    expect([...(obj.maps.get('bytes_out')?.entries() ?? [])]).toEqual([[client.ifindex, 126n]]);
  });

  it('drops where the way out is gone', () => {
    const { net, client, left, right, server, datagram } = network();
    net.net.removeDevice(right);
    client.send(datagram(64));
    expect([server.delivered.length, left.delivered.length]).toEqual([0, 0]);
    expect(net.events.at(-1)).toMatchObject({ device: 'router.left', what: 'after-xdp', note: 'XDP_DROP' });
  });
});
