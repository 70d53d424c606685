// SPDX-License-Identifier: MIT
// TCP sockets of simulated tasks in socket maps: filled by a sock_ops program as connections come about, or by fd; what is
// sent and received passes the map's programs, and packets the cgroups' programs.
import { describe, expect, it } from 'vitest';
import {
  BPF_CGROUP_INET_EGRESS,
  BPF_CGROUP_SOCK_OPS,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_SOCKHASH,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_SK_MSG,
  BPF_PROG_TYPE_SK_SKB,
  BPF_PROG_TYPE_SOCK_OPS,
  BPF_SK_MSG_VERDICT,
  BPF_SK_SKB_STREAM_PARSER,
  BPF_SK_SKB_STREAM_VERDICT,
  EACCES,
  EAGAIN,
  EINVAL,
  EOPNOTSUPP,
  ETIMEDOUT,
  assembleSource,
  createKernel,
  encodeInsns,
} from './index.ts';

const u32s = (...words: number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
const text = (got: Uint8Array | number): string | number =>
  typeof got === 'number' ? got : new TextDecoder().decode(got);

/** Stores the socket under 0 where it connected, under 1 where it accepted. `update` is the helper's number. */
const fill = (update: number): string => `
  r2 = *(u32 *)(r1 + 0)
  if r2 == 4 goto active
  if r2 == 5 goto passive
  goto end
active:
  *(u32 *)(r10 - 4) = 0
  goto store
passive:
  *(u32 *)(r10 - 4) = 1
store:
  r2 = socks ll
  r3 = r10
  r3 += -4
  r4 = 0
  call ${update}
end:
  r0 = 1
  exit`;

/** Bytes go to the other end at once, past TCP: port 80 is under 1. `redirect` is the helper's number. */
const shortcut = (redirect: number): string => `
  r2 = *(u32 *)(r1 + 64)
  r3 = 1
  if r2 != 80 goto send
  r3 = 0
send:
  *(u32 *)(r10 - 4) = r3
  r2 = socks ll
  ${redirect === 71 ? 'r3 = r10\n  r3 += -4' : ''}
  r4 = 1
  call ${redirect}
  exit`;

/** Counts packets, and drops them while the map's second word is not 0. */
const COUNT = `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = seen ll
  call 1
  if r0 == 0 goto pass
  r1 = *(u32 *)(r0 + 0)
  r1 += 1
  *(u32 *)(r0 + 0) = r1
  r1 = *(u32 *)(r0 + 4)
  if r1 == 0 goto pass
  r0 = 0
  exit
pass:
  r0 = 1
  exit`;

function world(engine: 'interpreter' | 'jit', map_type = BPF_MAP_TYPE_SOCKMAP) {
  const kernel = createKernel({ engine });
  kernel.cgroups.create('/box');
  const box = kernel.open('/sys/fs/cgroup/box', 0);
  const maps = {
    socks: kernel.bpf(BPF_MAP_CREATE, { map_type, key_size: 4, value_size: 4, max_entries: 4 }),
    seen: kernel.bpf(BPF_MAP_CREATE, { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 8, max_entries: 1 }),
  };
  const attach = (prog_type: number, attach_type: number, source: string): void => {
    const log_buf = new Uint8Array(1 << 15);
    const insns = encodeInsns(assembleSource(source, { maps }).insns);
    const attr = { prog_type, insns, license: 'GPL', log_level: 1, log_buf, expected_attach_type: 0 };
    const attach_bpf_fd = kernel.bpf(BPF_PROG_LOAD, attr);
    expect(attach_bpf_fd, new TextDecoder().decode(log_buf)).toBeGreaterThan(0);
    const ofMap = prog_type === BPF_PROG_TYPE_SK_MSG || prog_type === BPF_PROG_TYPE_SK_SKB;
    const target_fd = ofMap ? maps.socks : box;
    expect(kernel.bpf(BPF_PROG_ATTACH, { target_fd, attach_bpf_fd, attach_type })).toBe(0);
  };
  const task = kernel.cgroups.spawn({ cgroup: '/box' });
  const open = () => {
    const socket = task.socket({ family: 2, type: 1 });
    if (typeof socket === 'number') throw new TypeError(`socket: ${socket}`);
    return socket;
  };
  const connect = () => {
    const [listener, near] = [open(), open()];
    const where = { ip: '127.0.0.1', port: 80 };
    expect([listener.bind(where), listener.listen(), near.connect(where)]).toEqual([0, 0, 0]);
    const far = listener.accept();
    if (far === undefined) throw new TypeError('nobody connected');
    return { listener, near, far };
  };
  const store = (key: number, fd: number): number =>
    kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: maps.socks, key: u32s(key), value: u32s(fd), flags: 0n });
  const remove = (key: number): number => kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd: maps.socks, key: u32s(key) });
  const packets = (): number => {
    const value = new Uint8Array(8);
    kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: maps.seen, key: u32s(0), value });
    return new DataView(value.buffer).getUint32(0, true);
  };
  const drop = (drops: number): number =>
    kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: maps.seen, key: u32s(0), value: u32s(0, drops), flags: 0n });
  return { kernel, attach, open, connect, store, remove, packets, drop };
}

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  it.each([
    ['sockmap', BPF_MAP_TYPE_SOCKMAP, 53, 60],
    ['sockhash', BPF_MAP_TYPE_SOCKHASH, 70, 71],
  ])('a sock_ops program fills a %s, and messages take the short way', (_name, map_type, update, redirect) => {
    const { attach, connect, packets } = world(engine, map_type);
    attach(BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, fill(update));
    attach(BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, shortcut(redirect));
    attach(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, COUNT);
    const { near, far } = connect();
    const before = packets();
    expect(before).toBeGreaterThan(2);
    expect([near.send('hello'), text(far.recv(2)), text(far.recv()), far.recv()]).toEqual([5, 'he', 'llo', -EAGAIN]);
    expect([far.send('yes'), text(near.recv()), packets()]).toEqual([3, 'yes', before]);
  });

  it('a socket is stored by its fd while it is connected, and its program drops or passes', () => {
    const { attach, open, connect, store, remove, packets } = world(engine);
    attach(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, COUNT);
    // Passes what begins with 'p'.
    const byFirst = `
      r0 = 0
      r2 = *(u64 *)(r1 + 0)
      r3 = *(u64 *)(r1 + 8)
      r4 = r2
      r4 += 1
      if r4 > r3 goto end
      r5 = *(u8 *)(r2 + 0)
      if r5 != 0x70 goto end
      r0 = 1
    end:
      exit`;
    attach(BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, byFirst);
    const { listener, near, far } = connect();
    expect([store(2, listener.fd()), store(2, open().fd()), store(0, near.fd())]).toEqual([
      -EOPNOTSUPP,
      -EOPNOTSUPP,
      0,
    ]);
    const before = packets();
    expect([near.send('pass'), text(far.recv()), packets() > before]).toEqual([4, 'pass', true]);
    expect([near.send('drop'), far.recv()]).toEqual([-EACCES, -EAGAIN]);
    expect([far.send('drop'), text(near.recv())]).toEqual([4, 'drop']);
    expect([remove(0), near.send('drop'), text(far.recv())]).toEqual([0, 4, 'drop']);
  });

  it('a stream is cut into messages, and its verdict sees them', () => {
    const { attach, connect, store } = world(engine);
    attach(BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_PARSER, 'r0 = *(u32 *)(r1 + 0)\nexit');
    // A message whose first byte is 'd' is dropped.
    const verdict = `
      r0 = 1
      r2 = *(u32 *)(r1 + 76)
      r3 = *(u32 *)(r1 + 80)
      r4 = r2
      r4 += 1
      if r4 > r3 goto end
      r5 = *(u8 *)(r2 + 0)
      if r5 != 0x64 goto end
      r0 = 0
    end:
      exit`;
    attach(BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT, verdict);
    const { near, far } = connect();
    expect(store(1, far.fd())).toBe(0);
    expect([near.send('keep'), near.send('drop'), near.send('more')]).toEqual([4, 4, 4]);
    expect([text(far.recv()), far.recv()]).toEqual(['keepmore', -EAGAIN]);
  });

  it('what a program passes may still be lost on its way; closing leaves the map', () => {
    const { attach, connect, store, remove, drop } = world(engine);
    attach(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, COUNT);
    attach(BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, 'r0 = 1\nexit');
    const { near, far } = connect();
    expect([store(0, near.fd()), store(1, far.fd()), drop(1), near.send('lost')]).toEqual([0, 0, 0, -ETIMEDOUT]);
    expect([drop(0), remove(0)]).toEqual([0, -EINVAL]);
    far.close();
    expect(remove(1)).toBe(-EINVAL);
  });
});
