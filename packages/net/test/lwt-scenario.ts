// SPDX-License-Identifier: MIT
// Programs on routes and packets that take them, told to the kernel (in a namespace of its own) and to the simulation.
import { buildPacket } from '@tsbpf/capture';
import {
  BPF_PROG_TYPE_LWT_IN,
  BPF_PROG_TYPE_LWT_OUT,
  BPF_PROG_TYPE_LWT_SEG6LOCAL,
  BPF_PROG_TYPE_LWT_XMIT,
} from '@tsbpf/uapi';
import { parseAddress } from '../src/world/prefix.ts';

export type Where = 'in' | 'out' | 'xmit' | 'end';
export const TYPES: Readonly<Record<Where, number>> = {
  in: BPF_PROG_TYPE_LWT_IN,
  out: BPF_PROG_TYPE_LWT_OUT,
  xmit: BPF_PROG_TYPE_LWT_XMIT,
  end: BPF_PROG_TYPE_LWT_SEG6LOCAL,
};

/** One route with a program, and the packet that takes it. */
export interface LwtCase {
  readonly name: string;
  readonly where: Where;
  readonly to: string;
  readonly source: string;
  readonly packet: Uint8Array;
}

/** Addresses of v0 and v1, and who lives behind v1. */
export const ADDRESSES = [
  ['v0', '10.0.0.1/24'],
  ['v1', '10.8.0.1/24'],
  ['v0', '2001:db8:a::1/64'],
  ['v1', '2001:db8:b::1/64'],
] as const;
export const ROUTERS = { v4: '10.8.0.9', v6: '2001:db8:b::9', mac: '02:aa:00:00:00:09' } as const;
/** Where encapsulated packets go. */
export const PLAIN = ['10.9.0.0/16', '2001:db8:9::/48'] as const;

const v4 = (dst: string): Uint8Array =>
  buildPacket([{ type: 'ipv4', src: '10.0.0.5', dst, ttl: 64 }, { type: 'udp', srcPort: 7, dstPort: 9 }], new Uint8Array(8));
const v6 = (dst: string): Uint8Array =>
  buildPacket([{ type: 'ipv6', src: '2001:db8:a::5', dst, hopLimit: 64 }, { type: 'udp', srcPort: 7, dstPort: 9 }], new Uint8Array(8));

function srh(segments: readonly string[], more: { left?: number; next?: number; tlvs?: readonly number[] } = {}): Uint8Array {
  const { left = segments.length - 1, next = 17, tlvs = [] } = more;
  const body = [...segments.flatMap((ip) => [...parseAddress(ip)]), ...tlvs];
  return Uint8Array.of(next, body.length / 8, 4, left, segments.length - 1, 0, 0, 0, ...body);
}

function segmented(dst: string, header: Uint8Array, inner: Uint8Array): Uint8Array {
  const out = new Uint8Array(40 + header.length + inner.length);
  out.set([0x60, 0, 0, 0, 0, header.length + inner.length, 43, 64]);
  out.set(parseAddress('2001:db8:a::5'), 8);
  out.set(parseAddress(dst), 24);
  out.set(header, 40);
  out.set(inner, 40 + header.length);
  return out;
}

/** A call with bytes on the stack. Where it fails the packet is dropped; else the program answers `then`. */
function call(id: number, first: number, bytes: Uint8Array, then: number): string {
  const size = Math.ceil(bytes.length / 8) * 8;
  const padded = new Uint8Array(size);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  const words = Array.from({ length: size / 8 }, (_, i) => `r1 = ${view.getBigUint64(i * 8, true)} ll\n*(u64 *)(r10 - ${size - i * 8}) = r1\n`);
  return `r6 = r1\n${words.join('')}r1 = r6\nr2 = ${first}\nr3 = r10\nr3 += -${size}\nr4 = ${bytes.length}\ncall ${id}\nif r0 == 0 goto ok\nr0 = 2\nexit\nok:\nr0 = ${then}\nexit\n`;
}
const returning = (code: number): string => `r0 = ${code}\nexit\n`;
const adjust = (offset: number, len: number): string => `r2 = ${offset}\nr3 = ${len}\ncall 75\nif r0 == 0 goto ok\nr0 = 2\nok:\nexit\n`;

const outer4 = Uint8Array.of(0x45, 0, 0, 56, 0, 0, 0, 0, 64, 4, 0, 0, 10, 0, 0, 77, 10, 9, 0, 1);
const outer6 = new Uint8Array(40);
outer6.set([0x60, 0, 0, 0, 0, 36, 4, 64]);
outer6.set(parseAddress('2001:db8:b::1'), 8);
outer6.set(parseAddress('2001:db8:9::1'), 24);

/** Cases; each has a prefix of its own. */
export function lwtCases(): LwtCase[] {
  const cases: LwtCase[] = [];
  const add4 = (name: string, where: Where, source: string): void => {
    const n = cases.length + 1;
    cases.push({ name, where, source, to: `10.${100 + n}.0.0/16`, packet: v4(`10.${100 + n}.0.1`) });
  };
  const hex = (): string => (0x100 + cases.length).toString(16);
  const add6 = (name: string, where: Where, source: string): void => {
    const net = hex();
    cases.push({ name, where, source, to: `2001:db8:${net}::/48`, packet: v6(`2001:db8:${net}::1`) });
  };
  const addEnd = (name: string, source: string, make: (net: string) => { header: Uint8Array; inner?: Uint8Array }): void => {
    const net = hex();
    const { header, inner = new Uint8Array(16) } = make(net);
    cases.push({ name, where: 'end', source, to: `2001:db8:${net}::/48`, packet: segmented(`2001:db8:${net}::1`, header, inner) });
  };
  for (const where of ['in', 'out', 'xmit'] as const) {
    for (const code of [0, 2, 99]) {
      add4(`${where} answers ${code}`, where, returning(code));
      add6(`${where} answers ${code}, IPv6`, where, returning(code));
    }
    if (where === 'out') continue;
    add4(`${where} puts IPv4 around`, where, call(73, 2, outer4, 128));
    add4(`${where} puts IPv6 around`, where, call(73, 2, outer6, 128));
    add4(`${where} gives a header that is none`, where, call(73, 2, Uint8Array.of(0x55, ...outer4.subarray(1)), 128));
    add4(`${where} gives half a header`, where, call(73, 2, outer4.subarray(0, 16), 128));
  }
  add6('segments around', 'in', call(73, 0, srh(['2001:db8:77::1', '2001:db8:9::1'], { tlvs: [4, 6, 1, 2, 3, 4, 5, 6] }), 128));
  add6('segments within', 'in', call(73, 1, srh(['2001:db8:77::1', '2001:db8:9::1']), 128));
  add6('segments that are none', 'in', call(73, 0, srh(['2001:db8:9::1'], { left: 5 }), 128));
  const two = (tlvs: readonly number[] = [4, 6, 1, 2, 3, 4, 5, 6]) => (net: string) => ({ header: srh(['2001:db8:9::1', `2001:db8:${net}::1`], { tlvs }) });
  addEnd('End', returning(0), two());
  addEnd('End without TLVs', returning(0), two([]));
  addEnd('End drops', returning(2), two());
  addEnd('End answers nonsense', returning(77), two());
  addEnd('no segments left', returning(0), () => ({ header: srh(['2001:db8:9::1'], { left: 0 }) }));
  addEnd('stores flags and tag', call(74, 45, Uint8Array.of(9, 8, 7), 0), two());
  addEnd('stores a TLV', call(74, 82, Uint8Array.of(9, 9), 0), two());
  addEnd('stores a length that is none', call(74, 81, Uint8Array.of(99), 0), two());
  for (const [offset, len] of [[44, 1], [47, 2], [50, 1], [72, 8], [79, 1], [87, 2]] as const) {
    addEnd(`stores ${len} at ${offset}`, call(74, offset, new Uint8Array(len).fill(1), 0), two());
  }
  for (const [offset, len] of [[80, -8], [80, -4], [40, 8], [89, 8], [80, -16]] as const) addEnd(`adjusts ${len} at ${offset}`, adjust(offset, len), two());
  addEnd('End.X', call(76, 2, parseAddress('2001:db8:b::9'), 7), two());
  addEnd('End.T', call(76, 3, new Uint8Array(new Int32Array([254]).buffer), 7), two());
  addEnd('End.X with too little', call(76, 2, new Uint8Array(4), 7), two());
  addEnd('no such action', call(76, 1, new Uint8Array(4), 7), two());
  addEnd('End.DT6', call(76, 7, new Uint8Array(new Int32Array([254]).buffer), 7), (net) => ({
    header: srh(['2001:db8:9::1', `2001:db8:${net}::1`], { next: 41 }),
    inner: v6('2001:db8:9::7'),
  }));
  addEnd('End.DT6 of nothing', call(76, 7, new Uint8Array(new Int32Array([254]).buffer), 7), two());
  addEnd('End.B6', call(76, 9, srh(['2001:db8:9::2', '2001:db8:9::3']), 7), two());
  addEnd('End.B6.Encaps', call(76, 10, srh(['2001:db8:9::2', '2001:db8:9::3']), 7), two());
  return cases;
}
