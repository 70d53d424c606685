// SPDX-License-Identifier: MIT
import { EINVAL, ENOENT, EPROTONOSUPPORT } from '@tsbpf/uapi';
import { callHelper, createTestKernel, signed } from '@tsbpf/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { writeField } from '../../dev/fields.ts';
import { netOf } from '../../net-state.ts';
import { siphash } from '../syncookie/siphash.ts';
import { syncookiesOf } from '../syncookie/state.ts';
import { tcpSyncookieHelpers } from './syncookie.ts';

let kernel = createTestKernel();
let sk = 0;
beforeEach(() => {
  kernel = createTestKernel();
  sk = netOf(kernel).addSocket({ protocol: 'tcp', local: { ip: '10.0.0.1', port: 80 } }).off;
  syncookiesOf(kernel).mode = 2;
  // Long after boot: nothing was given out yet.
  kernel.env.advanceNs?.(1_000_000_000_000n);
});

interface Segment {
  readonly version?: number;
  readonly flags?: number;
  readonly seq?: number;
  readonly ack?: number;
  readonly options?: readonly number[];
  readonly headerBytes?: number;
  readonly port?: number;
}
const [SYN, ACK] = [2, 16];

/** A header of IP and one of TCP in kernel memory. */
function put({ version = 4, flags = SYN, seq = 1000, ack = 0, options = [], headerBytes, port = 4000 }: Segment) {
  const ipLen = version === 6 ? 40 : 20;
  const tcpLen = 20 + options.length;
  const ip = kernel.mem.alloc(ipLen);
  const tcp = kernel.mem.alloc(tcpLen);
  kernel.mem.write8(ip, version << 4);
  if (version === 6)
    kernel.mem.writeBytes(
      ip + 8,
      Uint8Array.from({ length: 32 }, (_, i) => i),
    );
  else kernel.mem.writeBytes(ip + 12, Uint8Array.of(10, 0, 0, 9, 10, 0, 0, 1));
  const { view } = kernel.mem;
  view.setUint16(tcp, port, false);
  view.setUint16(tcp + 2, 80, false);
  view.setUint32(tcp + 4, seq, false);
  view.setUint32(tcp + 8, ack, false);
  kernel.mem.write8(tcp + 12, ((headerBytes ?? tcpLen) / 4) << 4);
  kernel.mem.write8(tcp + 13, flags);
  kernel.mem.writeBytes(tcp + 20, Uint8Array.from(options));
  return { ip, ipLen, tcp, tcpLen };
}

type Args = Partial<{ sk: number; ipLen: number; tcpLen: number }>;
function ask(helper: 'gen' | 'check', segment: Segment, args: Args = {}): bigint {
  const { ip, ipLen, tcp, tcpLen } = put(segment);
  const pick = { rows: tcpSyncookieHelpers, variant: `bpf_tcp_${helper}_syncookie` };
  return callHelper(kernel, pick, { args: [args.sk ?? sk, ip, args.ipLen ?? ipLen, tcp, args.tcpLen ?? tcpLen] });
}
const gen = (segment: Segment = {}, args?: Args) => ask('gen', segment, args);
const check = (segment: Segment, args?: Args): number => signed(ask('check', { flags: ACK, ...segment }, args));
const cookieOf = (made: bigint): number => Number(made & 0xffffffffn);
const mssOf = (made: bigint): number => Number(made >> 32n);
/** The acknowledgement that brings a cookie back. */
const back = (made: bigint, more: Segment = {}): Segment => ({ seq: 1001, ack: (cookieOf(made) + 1) >>> 0, ...more });

it('SipHash-2-4 as its authors have it', () => {
  const key = Uint8Array.from({ length: 16 }, (_, i) => i);
  expect(siphash(key, new Uint8Array())).toBe(0x726fdb47dd0e0e31n);
  expect(
    siphash(
      key,
      Uint8Array.from({ length: 15 }, (_, i) => i),
    ),
  ).toBe(0xa129ca6149be45e5n);
});

describe('a cookie', () => {
  it('comes back valid, and as nothing else', () => {
    const made = gen();
    expect(mssOf(made)).toBe(536);
    expect(check(back(made))).toBe(0);
    expect(check(back(made, { seq: 1002 }))).toBe(-ENOENT);
    expect(check(back(made, { port: 4001 }))).toBe(-ENOENT);
    expect(check(back(made, { ack: cookieOf(made) }))).toBe(-ENOENT);
    syncookiesOf(kernel).secrets = [new Uint8Array(16), new Uint8Array(16)];
    expect(check(back(made))).toBe(-ENOENT);
  });

  it.each([
    [[2, 4, 0x05, 0xb4], 1460],
    [[2, 4, 0x05, 0xb3], 1440],
    [[1, 1, 1, 1, 2, 4, 0x23, 0x28], 1460],
    [[2, 4, 0x01, 0x00], 536],
    [[0, 4, 0x05, 0xb4], 536],
    [[3, 3, 7, 1, 2, 4, 0x05, 0x20], 1300],
    [[2, 40, 0x05, 0xb4], 536],
  ])('stands for a segment size: options %j are %d', (options, mss) => {
    expect(mssOf(gen({ options }))).toBe(mss);
  });

  it('carries no more than the listener wants', () => {
    writeField(kernel, sk, 'tcp_sock.rx_opt.user_mss', 1300);
    expect(mssOf(gen({ options: [2, 4, 0x05, 0xb4] }))).toBe(1300);
  });

  it('is good for a minute or two', () => {
    const made = gen();
    kernel.env.advanceNs?.(60_000_000_000n);
    expect(check(back(made))).toBe(0);
    kernel.env.advanceNs?.(60_000_000_000n);
    expect(check(back(made))).toBe(-ENOENT);
  });

  it('of IPv6', () => {
    sk = netOf(kernel).addSocket({ protocol: 'tcp', version: 6, local: { port: 80 } }).off;
    const made = gen({ version: 6, options: [2, 4, 0x05, 0xa0] });
    expect(mssOf(made)).toBe(1440);
    expect(check(back(made, { version: 6 }))).toBe(0);
    expect(check(back(made, { version: 6, port: 1 }))).toBe(-ENOENT);
    expect(mssOf(gen({ version: 6 }))).toBe(1220);
    expect(mssOf(gen())).toBe(536);
    writeField(kernel, sk, 'sock_common.skc_ipv6only', 1);
    expect(signed(gen())).toBe(-EINVAL);
  });

  it('is given out where the queue is full, unless always', () => {
    syncookiesOf(kernel).mode = 1;
    writeField(kernel, sk, 'sock.sk_max_ack_backlog', 2);
    expect(signed(gen())).toBe(-ENOENT);
    writeField(kernel, sk, 'tcp_sock.inet_conn.icsk_accept_queue.qlen', 2);
    expect(mssOf(gen())).toBe(536);
    writeField(kernel, sk, 'sock.sk_ack_backlog', 3);
    expect(signed(gen())).toBe(-ENOENT);
  });
});

describe('what is refused', () => {
  it.each<[string, Segment, Args, number]>([
    ['a header cut short', {}, { tcpLen: 19 }, EINVAL],
    ['a header that says another length', { headerBytes: 24 }, {}, EINVAL],
    ['no SYN', { flags: 0 }, {}, EINVAL],
    ['SYN and ACK', { flags: SYN | ACK }, {}, EINVAL],
    ['SYN and FIN', { flags: SYN | 1 }, {}, EINVAL],
    ['SYN and RST', { flags: SYN | 4 }, {}, EINVAL],
    ['an IP header cut short', {}, { ipLen: 19 }, EINVAL],
    ['IPv6 to a socket of IPv4', { version: 6 }, {}, EINVAL],
    ['another version', { version: 5 }, {}, EPROTONOSUPPORT],
    ['no socket', {}, { sk: 0 }, EINVAL],
  ])('making one: %s', (_what, segment, args, errno) => {
    expect(signed(gen(segment, args))).toBe(-errno);
  });

  it.each<[string, Segment, Args, number]>([
    ['a header cut short', {}, { tcpLen: 19 }, EINVAL],
    ['no ACK', { flags: 0 }, {}, ENOENT],
    ['SYN', { flags: ACK | SYN }, {}, ENOENT],
    ['RST', { flags: ACK | 4 }, {}, ENOENT],
    ['an IP header cut short', {}, { ipLen: 19 }, EINVAL],
    ['no cookie', { ack: 12345 }, {}, ENOENT],
    ['no socket', {}, { sk: 0 }, EINVAL],
  ])('checking one: %s', (_what, segment, args, errno) => {
    gen();
    expect(check(segment, args)).toBe(-errno);
  });

  it('checking where none was given out lately', () => {
    expect(check({}, { ipLen: 19 })).toBe(-ENOENT);
  });

  it('sockets that do not listen, and cookies turned off', () => {
    const net = netOf(kernel);
    const others = [
      net.addSocket({ protocol: 'udp', local: { port: 80 } }),
      net.addSocket({ protocol: 'tcp', local: { port: 1 }, remote: { port: 2 } }),
    ];
    for (const { off } of others) {
      expect(signed(gen({}, { sk: off }))).toBe(-EINVAL);
      expect(check({}, { sk: off })).toBe(-EINVAL);
    }
    syncookiesOf(kernel).mode = 0;
    expect(signed(gen())).toBe(-ENOENT);
    expect(check({})).toBe(-EINVAL);
  });
});
