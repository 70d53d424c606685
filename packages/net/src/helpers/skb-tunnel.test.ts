// SPDX-License-Identifier: MIT
// Every answer of the helpers about tunnels and associations, for packets that come by one.
import { buildPacket } from '@tsbpf/capture';
import { BPF_PROG_TYPE_SCHED_CLS, EINVAL, ENOENT, ENOMEM, EPROTO, TC_ACT_OK, TC_ACT_REDIRECT } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { nativeKernel, type NativeRun } from '../../test/native-kernel.ts';
import { receiveArrival, type Arrival } from '../world/arrival.ts';
import { TUNNEL_CSUM, TUNNEL_DONT_FRAGMENT, TUNNEL_KEY, TUNNEL_NOCACHE, TUNNEL_SEQ } from '../world/tunnel.ts';

const frame = buildPacket(
  [
    { type: 'eth', dst: '02:00:00:00:00:02', src: '02:00:00:00:00:99' },
    { type: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2' },
    { type: 'udp', srcPort: 7, dstPort: 9 },
  ],
  new Uint8Array(16),
);

function setUp() {
  const { kernel, net, prog } = nativeKernel();
  const [device, out] = ['vx0', 'vx1'].map((name) => net.createDevice({ name }));
  if (device === undefined || out === undefined) throw new TypeError('no devices');
  const { mem } = kernel.state;
  const buf = mem.alloc(512);
  let body: (run: NativeRun) => number = () => TC_ACT_OK;
  device.attachTc(prog(BPF_PROG_TYPE_SCHED_CLS, (run) => body(run)).prog, { direction: 'ingress', directAction: true });
  /** What a classifier's calls answer, when a packet comes. */
  const at = <T>(arrival: Arrival, act: (call: (...args: Parameters<NativeRun['helper']>) => number) => T): T => {
    const seen: T[] = [];
    body = (run) => {
      seen.push(act((variant, ...args) => Number(run.helper(variant, run.ctx, ...args))));
      return TC_ACT_OK;
    };
    receiveArrival(device, frame, arrival);
    return seen[0] as T;
  };
  const bytes = (len: number): number[] => [...mem.readBytes(buf, len)];
  return { kernel, mem, buf, at, bytes, device, out, setBody: (next: typeof body) => (body = next) };
}

const IPV4 = { id: 0x1122334455n, src: '192.0.2.1', tos: 3, ttl: 64 } as const;
const IPV6 = { id: 7n, src: '2001:db8::1', label: 0x12345 } as const;

describe('skb_get_tunnel_key', () => {
  it('tells of the tunnel', () => {
    const { at, bytes, buf } = setUp();
    expect(at({ tunnel: IPV4 }, (call) => call('bpf_skb_get_tunnel_key', buf, 28, 0))).toBe(0);
    expect(bytes(28)).toEqual([
      0x55,
      0x44,
      0x33,
      0x22,
      1,
      2,
      0,
      192,
      ...new Array<number>(12).fill(0),
      3,
      64,
      ...new Array<number>(6).fill(0),
    ]);
    expect(at({ tunnel: IPV6 }, (call) => call('bpf_skb_get_tunnel_key', buf, 28, 1))).toBe(0);
    expect(bytes(28)).toEqual([
      7,
      0,
      0,
      0,
      0x20,
      1,
      0x0d,
      0xb8,
      ...new Array<number>(11).fill(0),
      1,
      0,
      0,
      0,
      0,
      0x45,
      0x23,
      1,
      0,
    ]);
  });

  it('knows three older sizes', () => {
    const { at, buf } = setUp();
    const ask = (tunnel: typeof IPV4 | typeof IPV6, size: number, flags: number) =>
      at({ tunnel }, (call) => call('bpf_skb_get_tunnel_key', buf, size, flags));
    expect([8, 22, 24, 28].map((size) => ask(IPV4, size, 0))).toEqual([0, 0, 0, 0]);
    expect([8, 22, 24, 28].map((size) => ask(IPV6, size, 1))).toEqual([-EINVAL, 0, 0, 0]);
    expect([4, 20, 27].map((size) => ask(IPV4, size, 0))).toEqual([-EINVAL, -EINVAL, -EINVAL]);
  });

  it('zeroes what it cannot fill', () => {
    const { at, buf, mem, bytes } = setUp();
    const ask = (arrival: Arrival, flags: number | bigint) => {
      mem.fill(buf, 28, 9);
      const answer = at(arrival, (call) => call('bpf_skb_get_tunnel_key', buf, 28, flags));
      expect(bytes(28)).toEqual(new Array<number>(28).fill(0));
      return answer;
    };
    expect(ask({}, 0)).toBe(-EINVAL);
    expect(ask({ tunnel: IPV4 }, 2)).toBe(-EINVAL);
    expect(ask({ tunnel: IPV4 }, 1n << 40n)).toBe(-EINVAL);
    expect(ask({ tunnel: IPV4 }, 1)).toBe(-EPROTO);
    expect(ask({ tunnel: IPV6 }, 0)).toBe(-EPROTO);
  });
});

describe('skb_set_tunnel_key', () => {
  it('says by which tunnel a packet goes', () => {
    const { buf, mem, out, device, setBody } = setUp();
    mem.writeBytes(
      buf,
      Uint8Array.of(9, 0, 0, 0, 4, 3, 2, 10, ...new Array<number>(12).fill(0), 5, 6, 0, 0, 0, 0, 0, 0),
    );
    setBody(({ ctx, helper }) => {
      expect(helper('bpf_skb_set_tunnel_key', ctx, buf, 28, 2 | 4 | 8)).toBe(0n);
      expect(helper('bpf_skb_set_tunnel_opt', ctx, buf, 4)).toBe(0n);
      helper('bpf_redirect', out.ifindex, 0);
      return TC_ACT_REDIRECT;
    });
    receiveArrival(device, frame, { tunnel: IPV4 });
    const flags = TUNNEL_KEY | TUNNEL_NOCACHE | TUNNEL_DONT_FRAGMENT | TUNNEL_SEQ;
    const [sent] = out.transmitted;
    expect(sent?.tunnel).toMatchObject({ id: 9n, dst: '10.2.3.4', tos: 5, ttl: 6, options: Uint8Array.of(9, 0, 0, 0) });
    expect((sent?.tunnel?.flags ?? 0) & ~0x5800).toBe(flags);
    expect(flags & TUNNEL_CSUM).toBe(0);
  });

  it('refuses what is no key', () => {
    const { at, buf, mem } = setUp();
    const set = (size: number, flags: number | bigint) =>
      at({}, (call) => call('bpf_skb_set_tunnel_key', buf, size, flags));
    expect([8, 22, 24, 28].map((size) => set(size, 0))).toEqual([0, 0, 0, 0]);
    expect([4, 21, 29].map((size) => set(size, 0))).toEqual([-EINVAL, -EINVAL, -EINVAL]);
    expect([set(28, 16), set(28, 1n << 33n)]).toEqual([-EINVAL, -EINVAL]);
    mem.write16(buf + 22, 1);
    expect(set(28, 0)).toBe(-EINVAL);
    mem.write16(buf + 22, 0);
    mem.write32(buf + 24, 5);
    expect([set(28, 0), set(28, 1)], 'a label is of IPv6').toEqual([-EINVAL, 0]);
  });
});

describe('tunnel options', () => {
  it('come with a packet', () => {
    const { at, buf, bytes, mem } = setUp();
    const tunnel = { ...IPV4, options: Uint8Array.of(1, 2, 3, 4) };
    mem.fill(buf, 8, 9);
    expect(at({ tunnel }, (call) => call('bpf_skb_get_tunnel_opt', buf, 8))).toBe(4);
    expect(bytes(8)).toEqual([1, 2, 3, 4, 0, 0, 0, 0]);
    expect(at({ tunnel }, (call) => call('bpf_skb_get_tunnel_opt', buf, 3))).toBe(-ENOMEM);
    expect(bytes(4)).toEqual([0, 0, 0, 4].map((byte, i) => (i < 3 ? 0 : byte)));
    expect(at({ tunnel: IPV4 }, (call) => call('bpf_skb_get_tunnel_opt', buf, 8))).toBe(-ENOENT);
    expect(at({}, (call) => call('bpf_skb_get_tunnel_opt', buf, 8))).toBe(-ENOENT);
  });

  it('are set for a tunnel this program chose', () => {
    const { at, buf } = setUp();
    const set = (size: number, key: boolean) =>
      at({ tunnel: IPV4 }, (call) => {
        if (key) call('bpf_skb_set_tunnel_key', buf, 28, 0);
        return call('bpf_skb_set_tunnel_opt', buf, size);
      });
    expect([set(4, false), set(4, true), set(6, true), set(252, true), set(256, true)]).toEqual([
      -EINVAL,
      0,
      -EINVAL,
      0,
      -ENOMEM,
    ]);
  });
});

it('skb_get_xfrm_state tells of the associations a packet came through', () => {
  const { at, buf, bytes, mem } = setUp();
  const secPath = [
    { reqid: 3, spi: 0x01020304, src: '192.0.2.7' },
    { reqid: 4, spi: 5, src: '2001:db8::7' },
  ];
  const get = (arrival: Arrival, index: number, size = 28, flags: number | bigint = 0) => {
    mem.fill(buf, 28, 9);
    return at(arrival, (call) => call('bpf_skb_get_xfrm_state', index, buf, size, flags));
  };
  expect(get({ secPath }, 0)).toBe(0);
  expect(bytes(28)).toEqual([3, 0, 0, 0, 1, 2, 3, 4, 2, 0, 0, 0, 192, 0, 2, 7, ...new Array<number>(12).fill(0)]);
  expect(get({ secPath }, 1)).toBe(0);
  expect(bytes(28)).toEqual([
    4,
    0,
    0,
    0,
    0,
    0,
    0,
    5,
    10,
    0,
    0,
    0,
    0x20,
    1,
    0x0d,
    0xb8,
    ...new Array<number>(11).fill(0),
    7,
  ]);
  for (const answer of [get({ secPath }, 2), get({}, 0), get({ secPath }, 0, 27), get({ secPath }, 0, 28, 1)])
    expect(answer).toBe(-EINVAL);
  expect(bytes(28)).toEqual(new Array<number>(28).fill(0));
});
