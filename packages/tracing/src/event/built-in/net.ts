// SPDX-License-Identifier: MIT
// @see include/trace/events/sock.h, skb.h, xdp.h
import type { EventValues } from '../trace-event.ts';
import type { KernelStruct } from '../tracepoint-args.ts';
import { bytes, int, long, short, text, type EventDef } from './event-def.ts';

const AF_INET6 = 10;
const NO_BYTES = new Uint8Array();
const swapped = (be16: bigint): number => Number(((be16 & 0xffn) << 8n) | (be16 >> 8n));

/** An IPv4 address among IPv6 ones. */
const mapped = (v4: Uint8Array): Uint8Array => Uint8Array.of(...new Uint8Array(10), 0xff, 0xff, ...v4);

function addresses(sk: KernelStruct, inet: KernelStruct, family: number): EventValues {
  const [saddr, daddr] = [inet.bytes('inet_saddr') ?? NO_BYTES, sk.bytes('__sk_common.skc_daddr') ?? NO_BYTES];
  const v6 = (member: string): Uint8Array => sk.bytes(`__sk_common.${member}`) ?? NO_BYTES;
  const isV6 = family === AF_INET6;
  return {
    saddr,
    daddr,
    saddr_v6: isV6 ? v6('skc_v6_rcv_saddr') : mapped(saddr),
    daddr_v6: isV6 ? v6('skc_v6_daddr') : mapped(daddr),
  };
}

function device(name: string): EventDef {
  return {
    event: `net:${name}`,
    recordClass: 'net_dev_template',
    fields: [long('skbaddr', 'void *'), int('len', 'unsigned int'), text('name')],
    assign(args) {
      const skb = args.struct('sk_buff', { index: 0 });
      const deviceName = skb.follow('dev', 'net_device').bytes('name') ?? NO_BYTES;
      const end = deviceName.indexOf(0);
      return {
        skbaddr: skb.addr,
        len: skb.int('len'),
        name: deviceName.subarray(0, end < 0 ? deviceName.length : end),
      };
    },
  };
}

function segment(name: string): EventDef {
  return {
    event: `tcp:${name}`,
    recordClass: 'tcp_event_sk_skb',
    fields: [
      ...[long('skbaddr', 'const void *'), long('skaddr', 'const void *'), int('state')],
      ...[short('sport', '__u16'), short('dport', '__u16'), bytes('saddr', 4, '__u8'), bytes('daddr', 4, '__u8')],
      ...[bytes('saddr_v6', 16, '__u8'), bytes('daddr_v6', 16, '__u8')],
    ],
    assign(args) {
      const sk = args.struct('sock', { index: 0 });
      const inet = args.struct('inet_sock', { index: 0 });
      return {
        skbaddr: args.struct('sk_buff', { index: 1 }).addr,
        skaddr: sk.addr,
        state: sk.int('__sk_common.skc_state'),
        sport: swapped(inet.word('inet_sport')),
        dport: swapped(sk.word('__sk_common.skc_dport')),
        ...addresses(sk, inet, sk.int('__sk_common.skc_family')),
      };
    },
  };
}

export const netEvents: readonly EventDef[] = [
  device('net_dev_queue'),
  device('netif_receive_skb'),
  segment('tcp_retransmit_skb'),
  segment('tcp_send_reset'),
  {
    event: 'sock:inet_sock_set_state',
    recordClass: 'inet_sock_set_state',
    fields: [
      ...[long('skaddr', 'const void *'), int('oldstate'), int('newstate')],
      ...[short('sport', '__u16'), short('dport', '__u16'), short('family', '__u16'), short('protocol', '__u16')],
      ...[bytes('saddr', 4, '__u8'), bytes('daddr', 4, '__u8')],
      ...[bytes('saddr_v6', 16, '__u8'), bytes('daddr_v6', 16, '__u8')],
    ],
    assign(args) {
      const sk = args.struct('sock', { index: 0 });
      const inet = args.struct('inet_sock', { index: 0 });
      const family = sk.int('__sk_common.skc_family');
      return {
        skaddr: sk.addr,
        oldstate: args.int(1),
        newstate: args.int(2),
        sport: swapped(inet.word('inet_sport')),
        dport: swapped(sk.word('__sk_common.skc_dport')),
        family,
        protocol: sk.word('sk_protocol'),
        ...addresses(sk, inet, family),
      };
    },
  },
  {
    event: 'skb:kfree_skb',
    recordClass: 'kfree_skb',
    fields: [long('skbaddr', 'void *'), long('location', 'void *'), short('protocol')],
    assign: (args) => ({
      skbaddr: args.word(0),
      location: args.word(1),
      protocol: swapped(args.struct('sk_buff', { index: 0 }).word('protocol')),
    }),
  },
  {
    event: 'xdp:xdp_exception',
    recordClass: 'xdp_exception',
    fields: [int('prog_id'), int('act', 'u32'), int('ifindex')],
    assign: (args) => ({
      prog_id: args.struct('bpf_prog', { index: 1 }).follow('aux', 'bpf_prog_aux').int('id'),
      act: args.int(2),
      ifindex: args.struct('net_device', { index: 0 }).int('ifindex'),
    }),
  },
];
