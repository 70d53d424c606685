// SPDX-License-Identifier: MIT
import {
  BPF_F_STACK_BUILD_ID,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_STACK_TRACE,
  BPF_MAP_UPDATE_ELEM,
  E2BIG,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOMEM,
  EPERM,
} from '@tsbpf/uapi';
import { callHelper, createTestSys, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { stackHelpers as rows } from '../helpers/stack.ts';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';
import { hashWords } from './jhash.ts';

const [USER, FAST, REUSE, BUILD_ID] = [0x100, 0x200, 0x400, 0x800];
const STACK = [0xffffffff81000010n, 0xffffffff81000020n, 0xffffffff81000030n];
const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);
const create = (over: object) => ({
  map_type: BPF_MAP_TYPE_STACK_TRACE,
  key_size: 4,
  value_size: 32,
  max_entries: 5,
  ...over,
});

function setUp(over: object = {}) {
  const sys = createTestSys({ rows: tracingRegistries() });
  const { stacks } = tracingOf(sys.state);
  stacks.kernel = STACK;
  const fd = sys.bpf(BPF_MAP_CREATE, create(over));
  const file = sys.state.fds.get(fd, 'map');
  const addr = typeof file === 'number' ? 0n : file.map.addr;
  const call = (variant: string, ...args: (bigint | number)[]): number =>
    signed(callHelper(sys.state, { rows, variant }, { args }));
  const stackid = (flags = 0): number => call('bpf_get_stackid', 0, addr, flags);
  const lookup = (id: number, bytes = 32): bigint[] | number => {
    const value = new Uint8Array(bytes);
    const err = sys.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: fd, key: u32(id), value });
    return err < 0 ? err : [...new BigUint64Array(value.buffer)];
  };
  return { sys, stacks, fd, call, stackid, lookup };
}

describe('get_stackid', () => {
  test('the same stack has the same id, and its frames can be looked up', () => {
    const { stackid, lookup } = setUp();
    const id = stackid();
    expect(id).toBeGreaterThanOrEqual(0);
    expect(stackid()).toBe(id);
    expect(lookup(id)).toEqual([...STACK, 0n]);
  });

  test('the id is the hash of the frames, by as many slots as a power of two has', () => {
    const { stackid } = setUp();
    const words = new Uint32Array(new BigUint64Array(STACK).buffer);
    expect(stackid()).toBe(hashWords(words) & 7);
  });

  test('frames beyond the depth are not walked, then frames are skipped', () => {
    const { stackid, lookup, stacks } = setUp({ value_size: 16 });
    expect(lookup(stackid(1), 16)).toEqual([STACK[1], 0n]);
    expect(stackid(2)).toBe(-EFAULT);
    stacks.kernel = [];
    expect(stackid()).toBe(-EFAULT);
  });

  test('kernel and user stacks', () => {
    const { stackid, lookup, stacks } = setUp();
    expect(stackid(USER)).toBe(-EFAULT);
    stacks.user = [0x401000n];
    expect(lookup(stackid(USER))).toEqual([0x401000n, 0n, 0n, 0n]);
    expect(stackid(BUILD_ID)).toBe(-EINVAL);
    expect(stackid(1 << 12)).toBe(-EINVAL);
  });

  test('two stacks at one slot: the first stays unless it may be reused', () => {
    const { stackid, lookup, stacks } = setUp({ max_entries: 2 });
    const idOf = (stack: bigint[]): number => hashWords(new Uint32Array(new BigUint64Array(stack).buffer)) & 1;
    const zeros = Array.from({ length: 8 }, (_, i) => [BigInt(i + 1)]).filter((s) => idOf(s) === 0);
    const [a = [], b = []] = zeros;
    stacks.kernel = a;
    expect(stackid()).toBe(0);
    stacks.kernel = b;
    expect(stackid()).toBe(-EEXIST);
    expect(stackid(FAST)).toBe(-EEXIST);
    expect(stackid(REUSE)).toBe(0);
    expect(lookup(0)).toEqual([...b, 0n, 0n, 0n]);
    expect(stackid(FAST)).toBe(0);
  });

  test('replacing takes a bucket first: none is left in a full table', () => {
    const { stackid, stacks } = setUp({ max_entries: 1 });
    expect(stackid()).toBe(0);
    stacks.kernel = [1n];
    expect(stackid(REUSE)).toBe(-ENOMEM);
  });

  test('build ids: no files, so entries hold addresses', () => {
    const { stackid, lookup, stacks } = setUp({ value_size: 64, map_flags: BPF_F_STACK_BUILD_ID });
    stacks.user = [0x401000n, 0x402000n];
    expect(lookup(stackid(USER), 64)).toEqual([2n, 0n, 0n, 0x401000n, 2n, 0n, 0n, 0x402000n]);
  });

  test('build ids of mapped files, with the offset into the file; the kernel has none', () => {
    const { stackid, lookup, stacks } = setUp({ value_size: 96, map_flags: BPF_F_STACK_BUILD_ID });
    const buildId = Uint8Array.from({ length: 20 }, (_, i) => i + 1);
    stacks.user = [0x401010n, 0x7f0000000100n, 0x500000n];
    stacks.mappings = [
      { start: 0x400000n, end: 0x402000n, buildId },
      { start: 0x7f0000000000n, end: 0x7f0000001000n, fileOff: 0x3000n, buildId },
      { start: 0x500000n, end: 0x501000n },
    ];
    // The status and the 20 bytes, as words.
    const id = [0x0403020100000001n, 0x0c0b0a0908070605n, 0x14131211100f0e0dn];
    expect(lookup(stackid(USER), 96)).toEqual([...id, 0x1010n, ...id, 0x3100n, 2n, 0n, 0n, 0x500000n]);
    stacks.kernel = [0x401010n];
    expect(lookup(stackid(), 96)).toEqual([2n, 0n, 0n, 0x401010n, ...Array<bigint>(8).fill(0n)]);
  });

  test('with build ids, a bucket is taken before stacks are compared', () => {
    const shape = { max_entries: 1, value_size: 32 };
    const plain = setUp(shape);
    expect([plain.stackid(), plain.stackid()]).toEqual([0, 0]);
    const { stackid } = setUp({ ...shape, map_flags: BPF_F_STACK_BUILD_ID });
    expect([stackid(), stackid(), stackid(FAST)]).toEqual([0, -ENOMEM, 0]);
  });
});

describe('get_stack', () => {
  const get = (
    size: number,
    flags: number,
    prepare: (s: ReturnType<typeof setUp>['stacks']) => void = () => undefined,
  ) => {
    const { sys, stacks, call } = setUp();
    prepare(stacks);
    const { mem } = sys.state;
    const buf = mem.alloc(64);
    mem.fill(buf, 64, 0xaa);
    const r0 = call('bpf_get_stack', 0, mem.toAddr(buf), size, flags);
    return [r0, ...Array.from({ length: 4 }, (_, i) => mem.read64(buf + 8 * i))];
  };
  const AA = 0xaaaaaaaaaaaaaaaan;

  test.each([
    ['all', 32, 0, [24, ...STACK, 0n]],
    ['skipping', 32, 1, [16, STACK[1], STACK[2], 0n, 0n]],
    ['a short buffer, then skipping', 16, 1, [8, STACK[1], 0n, AA, AA]],
    ['skipping just all', 24, 3, [0, 0n, 0n, 0n, AA]],
    ['skipping more', 24, 4, [-EFAULT, 0n, 0n, 0n, AA]],
    ['an odd size', 12, 0, [-EINVAL, 0n, 0xaaaaaaaa00000000n, AA, AA]],
    ['nothing', 0, 0, [0, AA, AA, AA, AA]],
    ['unknown flags', 8, FAST, [-EINVAL, 0n, AA, AA, AA]],
    ['build ids of the kernel', 32, BUILD_ID, [-EINVAL, 0n, 0n, 0n, 0n]],
    ['build ids in words', 8, USER | BUILD_ID, [-EINVAL, 0n, AA, AA, AA]],
    ['an empty user stack', 16, USER, [0, 0n, 0n, AA, AA]],
  ])('%s', (_what, size, flags, expected) => {
    expect(get(size, flags)).toEqual(expected);
  });

  test('user build ids', () => {
    expect(get(32, USER | BUILD_ID, (stacks) => (stacks.user = [0x401000n]))).toEqual([32, 2n, 0n, 0n, 0x401000n]);
  });
});

describe('stack trace maps', () => {
  test.each([
    ['no entries', { max_entries: 0 }, EINVAL],
    ['a key of 8 bytes', { key_size: 8 }, EINVAL],
    ['half an address', { value_size: 12 }, EINVAL],
    ['no address', { value_size: 4 }, EINVAL],
    ['128 frames', { value_size: 1024 }, EINVAL],
    ['a flag it has not', { map_flags: 1 }, EINVAL],
    ['half a build id', { value_size: 48, map_flags: BPF_F_STACK_BUILD_ID }, EINVAL],
  ])('%s', (_what, over, errno) => {
    const sys = createTestSys({ rows: tracingRegistries() });
    expect(sys.bpf(BPF_MAP_CREATE, create(over))).toBe(-errno);
    expect(sys.bpf(BPF_MAP_CREATE, create({ value_size: 127 * 8 }))).toBeGreaterThan(0);
  });

  test('are for CAP_SYS_ADMIN', () => {
    const sys = createTestSys({ rows: tracingRegistries(), env: { task: { uid: 1 } } });
    expect(sys.bpf(BPF_MAP_CREATE, create({}))).toBe(-EPERM);
  });

  test('system calls see ids in order, and cannot write', () => {
    const { sys, fd, stackid, lookup, stacks } = setUp({ max_entries: 16 });
    const ids = [1n, 2n, 3n, 4n].map((frame) => {
      stacks.kernel = [frame];
      return stackid(REUSE);
    });
    const expected = [...new Set(ids)].sort((a, b) => a - b);
    const found: number[] = [];
    const next = new Uint8Array(4);
    let key: Uint8Array | undefined;
    while (sys.bpf(BPF_MAP_GET_NEXT_KEY, { map_fd: fd, key, next_key: next }) === 0) {
      found.push(new DataView(next.buffer).getUint32(0, true));
      key = next.slice();
    }
    expect(found).toEqual(expected);
    expect(sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: fd, key: u32(0), value: new Uint8Array(32) })).toBe(-EINVAL);
    const [first = 0] = expected;
    expect(sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: fd, key: u32(first) })).toBe(0);
    expect(sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: fd, key: u32(first) })).toBe(-ENOENT);
    expect(sys.bpf(BPF_MAP_DELETE_ELEM, { map_fd: fd, key: u32(16) })).toBe(-E2BIG);
    expect(lookup(first)).toBe(-ENOENT);
    expect(lookup(16)).toBe(-ENOENT);
  });
});

describe('jhash2', () => {
  test('of no words is its start value', () => {
    expect(hashWords(new Uint32Array(0))).toBe(0xdeadbeef);
  });

  test("agrees with lookup3's published value, which starts from 30 bytes where we have 8 words", () => {
    const bytes = new Uint8Array(32);
    new TextEncoder().encodeInto('Four score and seven years ago', bytes);
    expect(hashWords(new Uint32Array(bytes.buffer), 30 - 32)).toBe(0x17770551);
  });
});
