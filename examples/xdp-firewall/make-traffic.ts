// SPDX-License-Identifier: MIT
// Writes traffic.pcap, the capture that the example runs over: `pnpm tsx --conditions=@tsbpf/source make-traffic.ts`.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildPacket, createPrng, encodePcap, type Layer, type WritablePacket } from '@tsbpf/capture';

const CLIENTS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '192.168.1.77'];
const SERVER = '10.0.0.254';
const SERVER6 = '2001:db8::254';
const PORTS = [22, 53, 80, 443, 8080];
const SYN = 0x02;
const ACK = 0x10;

const eth: Layer = { type: 'eth', src: '02:00:00:00:00:01', dst: '02:00:00:00:00:fe' };

export function makeTraffic(): Uint8Array {
  const prng = createPrng(20200330);
  const below = (limit: number): number => prng() % limit;
  const pick = <T>(list: readonly T[]): T => list[below(list.length)];
  const payload = (): Uint8Array => new Uint8Array(below(64)).map(() => below(256));
  const packets: WritablePacket[] = [];
  let tsNs = 1_585_526_400_000_000_000n;
  const add = (data: Uint8Array, origLen?: number): void => {
    tsNs += 1_000_000n + BigInt(below(900_000));
    packets.push({ data, tsNs, ...(origLen === undefined ? {} : { origLen }) });
  };
  const ip4 = (more: Partial<Extract<Layer, { type: 'ipv4' }>> = {}): Layer => ({
    type: 'ipv4',
    src: pick(CLIENTS),
    dst: SERVER,
    ttl: 64,
    ...more,
  });
  const ip6 = (): Layer => ({ type: 'ipv6', src: `2001:db8::${below(4) + 1}`, dst: SERVER6, hopLimit: 64 });
  const tcp = (): Layer => ({
    type: 'tcp',
    srcPort: 32768 + below(1000),
    dstPort: pick(PORTS),
    flags: pick([SYN, ACK]),
    seq: below(1 << 30),
  });
  const udp = (): Layer => ({ type: 'udp', srcPort: 32768 + below(1000), dstPort: pick(PORTS) });
  const echo4: Layer = { type: 'icmp', icmpType: 8, rest: 1 };
  const echo6: Layer = { type: 'icmpv6', icmpType: 128, rest: 1 };

  const kinds: (() => Uint8Array)[] = [
    () => buildPacket([eth, ip4(), tcp()], payload()),
    () => buildPacket([eth, ip4(), tcp()], payload()),
    () => buildPacket([eth, ip4(), udp()], payload()),
    () => buildPacket([eth, ip4({ optionBytes: new Uint8Array([7, 7, 4, 0, 0, 0, 0, 0]) }), udp()], payload()),
    () => buildPacket([eth, ip4(), echo4], payload()),
    () => buildPacket([eth, { type: 'vlan', id: 1 + below(100) }, ip4(), tcp()], payload()),
    () => buildPacket([eth, { type: 'vlan', id: 5 }, { type: 'vlan', id: 6 }, ip4(), udp()], payload()),
    () => buildPacket([eth, ip6(), tcp()], payload()),
    () => buildPacket([eth, ip6(), udp()], payload()),
    () => buildPacket([eth, ip6(), echo6], payload()),
    () => buildPacket([eth, ip6(), { type: 'ipv6ext', kind: 'hop-by-hop', data: new Uint8Array(6) }, udp()], payload()),
    () => buildPacket([eth, ip4({ mf: true, id: 7 }), udp()], payload()),
    () => buildPacket([eth, ip4({ fragOff: 64, id: 7, protocol: 17 })], payload()),
    () => buildPacket([eth, ip6(), { type: 'ipv6frag', fragOff: 0, more: true, id: 9 }, udp()], payload()),
    () => buildPacket([eth, ip4({ ttl: 1 }), udp()], payload()),
    () =>
      buildPacket([
        eth,
        {
          type: 'arp',
          op: 1,
          senderMac: '02:00:00:00:00:01',
          senderIp: pick(CLIENTS),
          targetMac: '00:00:00:00:00:00',
          targetIp: SERVER,
        },
      ]),
    () =>
      buildPacket([{ type: 'eth', src: '02:00:00:00:00:01', dst: '01:80:c2:00:00:0e', etherType: 0x88cc }], payload()),
  ];
  for (let i = 0; i < 200; i++) add(kinds[i < kinds.length ? i : below(kinds.length)]());

  // Frames the capture, or the sender, cut short.
  const whole = buildPacket([eth, ip4(), tcp()], payload());
  for (const len of [14, 20, 33, 34, 40, 53]) add(whole.slice(0, len), whole.length);
  add(buildPacket([eth, ip6(), udp()]).slice(0, 50));
  add(buildPacket([eth, { type: 'vlan', id: 3 }, ip4(), udp()]).slice(0, 16));
  add(buildPacket([eth, ip4({ ihl: 4 }), udp()], payload()));
  return encodePcap(packets);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('./traffic.pcap', import.meta.url), makeTraffic());
}
