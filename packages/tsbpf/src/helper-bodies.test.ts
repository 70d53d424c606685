// SPDX-License-Identifier: MIT
// Helpers whose caller is hard to come by, called as an engine calls them, in a kernel with everything in it.
import { describe, expect, it } from 'vitest';
import { userSpaceOf } from '@tsbpf/helpers';
import { answerText, callHelper, signed } from '@tsbpf/testkit';
import { createBtfBuilder } from '@tsbpf/btf';
import {
  BPF_BTF_LOAD,
  BPF_CGROUP_INET4_CONNECT,
  BPF_MAP_CREATE,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  assembleSource,
  createKernel,
  createMap,
  encodeInsns,
  type SimulatedKernel,
} from './index.ts';

const kernelWith = () => {
  const kernel = createKernel();
  const call = (variant: string, args: readonly (bigint | number)[], ctx = 0): bigint => {
    const row = kernel.state.helpers.get(variant);
    if (row === undefined) expect.fail(`no helper ${variant}`);
    return callHelper(kernel.state, row, { args, ctx });
  };
  const errno = (variant: string, args: readonly (bigint | number)[], ctx = 0): string =>
    answerText(signed(call(variant, args, ctx)));
  return { kernel, call, errno, mem: kernel.state.mem };
};

describe('probe reads', () => {
  const text = new TextEncoder().encode('hello\0');
  const USER = 0x7f0000001000n;

  it('probe_read_user reads the process, and only that', () => {
    const { kernel, errno, mem } = kernelWith();
    userSpaceOf(kernel.state).write(USER, text);
    const dst = mem.alloc(16);
    const secret = mem.alloc(16);
    expect(errno('bpf_probe_read_user', [dst, 6, USER])).toBe('0');
    expect(mem.readBytes(dst, 6)).toEqual(text);
    expect(errno('bpf_probe_read_user', [dst, 6, mem.toAddr(secret)])).toBe('EFAULT');
    // What was there is gone: a failed read leaves zeroes.
    expect(mem.readBytes(dst, 6)).toEqual(new Uint8Array(6));
    expect(errno('bpf_probe_read_user_str', [dst, 16, USER])).toBe('6');
    expect(errno('bpf_probe_read_user_str', [dst, 16, 8n])).toBe('EFAULT');
  });

  it('probe_read_kernel reads the kernel, and only that', () => {
    const { kernel, errno, mem } = kernelWith();
    userSpaceOf(kernel.state).write(USER, text);
    const [dst, src] = [mem.alloc(16), mem.alloc(16)];
    mem.writeBytes(src, text);
    expect(errno('bpf_probe_read_kernel', [dst, 6, mem.toAddr(src)])).toBe('0');
    expect(mem.readBytes(dst, 6)).toEqual(text);
    for (const nowhere of [USER, 0n, 8n, 0xffff_ffff_ffff_fff0n]) {
      expect(errno('bpf_probe_read_kernel', [dst, 6, nowhere])).toBe('EFAULT');
      expect(mem.readBytes(dst, 6)).toEqual(new Uint8Array(6));
    }
    expect(errno('bpf_probe_read_kernel_str', [dst, 16, mem.toAddr(src)])).toBe('6');
    expect(errno('bpf_probe_read_kernel_str', [dst, 16, USER])).toBe('EFAULT');
  });
});

describe('facts', () => {
  it('get_numa_node_id is that of the only node, jiffies64 follows the clock', () => {
    const { kernel, call } = kernelWith();
    expect(call('bpf_get_numa_node_id', [])).toBe(0n);
    const before = call('bpf_jiffies64', []);
    kernel.state.env.advanceNs(1_000_000_000n);
    expect(call('bpf_jiffies64', []) - before).toBe(250n);
  });

  it('perf_prog_read_value wants room for three counters, and an event', () => {
    const { kernel, errno, mem } = kernelWith();
    const buf = mem.alloc(24);
    const ctx = mem.alloc(kernel.state.types.sizeOf('bpf_perf_event_data_kern'));
    mem.fill(buf, 24, 0xee);
    expect(errno('bpf_perf_prog_read_value', [ctx, buf, 16], ctx)).toBe('EINVAL');
    expect(mem.readBytes(buf, 16)).toEqual(new Uint8Array(16));
    expect(errno('bpf_perf_prog_read_value', [ctx, buf, 24], ctx)).toBe('EINVAL');
  });
});

describe('sockets', () => {
  it('sk_storage_delete is ENOENT where there is none, and where it is gone', () => {
    const { kernel, call, errno, mem } = kernelWith();
    const btf = createBtfBuilder();
    const int = btf.int('int', 4, { encoding: 1 });
    const fd = kernel.bpf(BPF_MAP_CREATE, {
      map_type: 24,
      key_size: 4,
      value_size: 4,
      map_flags: 1,
      btf_fd: kernel.bpf(BPF_BTF_LOAD, { btf: btf.bytes() }),
      btf_key_type_id: int,
      btf_value_type_id: int,
    });
    const file = kernel.state.fds.get(fd, 'map');
    const map = typeof file === 'number' ? 0n : file.map.addr;
    const sk = mem.toAddr(kernel.net.addSocket({ protocol: 'tcp', local: { port: 80 } }).off);
    expect(errno('bpf_sk_storage_delete', [map, sk])).toBe('ENOENT');
    expect(call('bpf_sk_storage_get', [map, sk, 0, 0])).toBe(0n);
    const value = call('bpf_sk_storage_get', [map, sk, 0, 1]);
    expect(value).toBeGreaterThan(0n);
    expect(call('bpf_sk_storage_get', [map, sk, 0, 0])).toBe(value);
    expect(call('bpf_sk_storage_get', [map, sk, 0, 2])).toBe(0n);
    expect(errno('bpf_sk_storage_delete', [map, sk])).toBe('0');
    expect(errno('bpf_sk_storage_delete', [map, sk])).toBe('ENOENT');
  });

  it('sock_ops_cb_flags_set is EINVAL of a request, and answers the flags that there are not', () => {
    const { kernel, errno, mem } = kernelWith();
    const { types } = kernel.state;
    const ctx = mem.alloc(types.sizeOf('bpf_sock_ops_kern'));
    const sock = kernel.net.addSocket({ protocol: 'tcp', local: { port: 1 }, remote: { ip: '127.0.0.1', port: 2 } });
    mem.write64(ctx + types.resolve('bpf_sock_ops_kern.sk').off, mem.toAddr(sock.off));
    expect(errno('bpf_sock_ops_cb_flags_set', [ctx, 0x3], ctx)).toBe('0');
    expect(errno('bpf_sock_ops_cb_flags_set', [ctx, 0x13], ctx)).toBe('16');
    const state = types.resolve('sock_common.skc_state');
    // TCP_NEW_SYN_RECV: a request is no whole socket.
    mem.write8(sock.off + state.off, 12);
    expect(errno('bpf_sock_ops_cb_flags_set', [ctx, 0x3], ctx)).toBe('EINVAL');
  });
});

describe('sockets in maps', () => {
  /** A map of sockets, and what a sock_ops program of an established connection has. */
  function setUp(map_type: number) {
    const { kernel, errno, call, mem } = kernelWith();
    const { types } = kernel.state;
    const fd = kernel.bpf(BPF_MAP_CREATE, { map_type, key_size: 4, value_size: 4, max_entries: 2 });
    const file = kernel.state.fds.get(fd, 'map');
    const map = typeof file === 'number' ? 0n : file.map.addr;
    const sock = (protocol: 'tcp' | 'udp') =>
      kernel.net.addSocket({ protocol, local: { port: 1 }, remote: { ip: '127.0.0.1', port: 2 } });
    const ctx = mem.alloc(types.sizeOf('bpf_sock_ops_kern'));
    const of = (off: number, op = 4): void => {
      mem.write64(ctx + types.resolve('bpf_sock_ops_kern.sk').off, mem.toAddr(off));
      mem.write32(ctx + types.resolve('bpf_sock_ops_kern.op').off, op);
    };
    const key = (index: number): number => {
      const off = mem.alloc(4);
      mem.write32(off, index);
      return off;
    };
    return { kernel, errno, call, mem, map, sock, ctx, of, key };
  }

  it.each([
    ['bpf_sock_map_update', 15],
    ['bpf_sock_hash_update', 18],
  ] as const)('%s puts established TCP sockets where the flags let it', (variant, type) => {
    const { errno, map, sock, ctx, of, key } = setUp(type);
    const update = (at: number, flags = 0): string => errno(variant, [ctx, map, key(at), flags], ctx);
    const tcp = sock('tcp');
    of(tcp.off);
    expect(update(1, 2)).toBe('ENOENT');
    expect(update(1)).toBe('0');
    expect(update(1, 1)).toBe('EEXIST');
    expect(update(1, 2)).toBe('0');
    expect(update(1, 8)).toBe('EINVAL');
    if (type === 15) expect(update(2)).toBe('E2BIG');
    // Any other call of sock_ops, and any other socket.
    of(tcp.off, 3);
    expect(update(0)).toBe('EOPNOTSUPP');
    of(sock('udp').off);
    expect(update(0)).toBe('EOPNOTSUPP');
  });

  it.each(['bpf_msg_redirect_hash', 'bpf_sk_redirect_hash'])('%s drops what has nowhere to go', (variant) => {
    const { kernel, call, mem, map, sock, ctx, of, key } = setUp(18);
    const tcp = sock('tcp');
    of(tcp.off);
    expect(call('bpf_sock_hash_update', [ctx, map, key(7), 0], ctx)).toBe(0n);
    const { types } = kernel.state;
    const subject = mem.alloc(types.sizeOf(variant === 'bpf_sk_redirect_hash' ? 'sk_buff' : 'sk_msg'));
    const redirect = (at: number, flags: bigint | number = 0): bigint =>
      call(variant, [subject, map, key(at), flags], subject);
    expect([redirect(7), redirect(8), redirect(7, 1), redirect(7, 2), redirect(7, 1n << 32n)]).toEqual([
      1n,
      0n,
      1n,
      0n,
      0n,
    ]);
  });
});

describe('segment routing', () => {
  it('lwt_seg6_action refuses actions that there are not, and parameters of other sizes', () => {
    const { kernel, errno, mem } = kernelWith();
    const skb = mem.alloc(kernel.state.types.sizeOf('sk_buff'));
    const act = (action: number, len: number): string =>
      errno('bpf_lwt_seg6_action', [skb, action, mem.alloc(32), len], skb);
    expect([act(0, 4), act(99, 4)]).toEqual(['EINVAL', 'EINVAL']);
  });
});

describe('bind', () => {
  /** What bpf_bind answers to an address of a connecting program: family, port, and how many bytes. */
  function bindTo(address: { family: number; port: number; lenBytes: number; ip: number }): string {
    const kernel = createKernel();
    const map = createMap<number, bigint>(kernel, { type: 2, keySize: 4, valueSize: 8, maxEntries: 1 });
    const port = ((address.port & 0xff) << 8) | (address.port >> 8);
    const source = `
      *(u64 *)(r10 - 16) = 0
      *(u64 *)(r10 - 8) = 0
      *(u16 *)(r10 - 16) = ${address.family}
      *(u16 *)(r10 - 14) = ${port}
      *(u32 *)(r10 - 12) = ${address.ip}
      r2 = r10
      r2 += -16
      r3 = ${address.lenBytes}
      call 64
      r7 = r0
      *(u32 *)(r10 - 20) = 0
      r1 = m ll
      r2 = r10
      r2 += -20
      call 1
      if r0 == 0 goto out
      *(u64 *)(r0 + 0) = r7
    out:
      r0 = 1
      exit
    `;
    const log_buf = new Uint8Array(8192);
    const insns = encodeInsns(assembleSource(source, { maps: { m: map.fd } }).insns);
    const attr = { prog_type: BPF_PROG_TYPE_CGROUP_SOCK_ADDR, expected_attach_type: BPF_CGROUP_INET4_CONNECT };
    const prog = kernel.bpf(BPF_PROG_LOAD, { ...attr, insns, license: 'GPL', log_level: 1, log_buf });
    expect(prog, new TextDecoder().decode(log_buf)).toBeGreaterThan(0);
    const target_fd = kernel.open('/sys/fs/cgroup', 0);
    const attach = { target_fd, attach_bpf_fd: prog, attach_type: BPF_CGROUP_INET4_CONNECT };
    expect(kernel.bpf(BPF_PROG_ATTACH, attach)).toBe(0);
    connect(kernel);
    return answerText(Number(BigInt.asIntN(64, map.get(0) ?? 0n)));
  }
  function connect(kernel: SimulatedKernel): void {
    const socket = kernel.cgroups.spawn({}).socket({ family: 2, type: 2 });
    if (typeof socket === 'number') expect.fail(`no socket: ${socket}`);
    socket.connect({ ip: '127.0.0.1', port: 9 });
  }
  const LOOPBACK = 0x0100007f;

  it.each([
    [{ family: 2, port: 0, lenBytes: 16, ip: LOOPBACK }, '0'],
    [{ family: 2, port: 80, lenBytes: 16, ip: LOOPBACK }, 'EINVAL'],
    [{ family: 2, port: 0, lenBytes: 8, ip: LOOPBACK }, 'EINVAL'],
    [{ family: 2, port: 0, lenBytes: 1, ip: LOOPBACK }, 'EINVAL'],
    [{ family: 10, port: 0, lenBytes: 16, ip: LOOPBACK }, 'EINVAL'],
    [{ family: 7, port: 0, lenBytes: 16, ip: LOOPBACK }, 'EAFNOSUPPORT'],
    [{ family: 2, port: 0, lenBytes: 16, ip: 0x08080808 }, 'EADDRNOTAVAIL'],
  ])('bind to %o', (address, answer) => {
    expect(bindTo(address)).toBe(answer);
  });
});
