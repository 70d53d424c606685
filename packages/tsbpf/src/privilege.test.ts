// SPDX-License-Identifier: MIT
// What v5.6 gives a user without CAP_SYS_ADMIN, permissions in the bpf file system, run statistics, TASK_FD_QUERY, and
// test runs with cgroup storage.
import { describe, expect, it } from 'vitest';
import { answerText } from '@tsbpf/testkit';
import {
  BPF_BTF_GET_NEXT_ID,
  BPF_BTF_LOAD,
  BPF_F_RDONLY,
  BPF_F_WRONLY,
  BPF_MAP_CREATE,
  BPF_MAP_FREEZE,
  BPF_MAP_GET_FD_BY_ID,
  BPF_MAP_GET_NEXT_ID,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_GET,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_OBJ_PIN,
  BPF_PROG_ATTACH,
  BPF_PROG_GET_FD_BY_ID,
  BPF_PROG_GET_NEXT_ID,
  BPF_PROG_LOAD,
  BPF_PROG_QUERY,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_TASK_FD_QUERY,
  BpfError,
  CAP_NET_ADMIN,
  CAP_SYS_ADMIN,
  assembleSource,
  createKernel,
  createMap,
  encodeInsns,
  type ProgInfo,
  type SimulatedKernel,
} from './index.ts';

const hash = { map_type: 1, key_size: 4, value_size: 8, max_entries: 4 };

/** Runs something as another user, without capabilities unless some are given. */
function as<T>(kernel: SimulatedKernel, uid: number, body: () => T, caps: readonly number[] = []): T {
  const { env } = kernel.state;
  const outer = env.current;
  env.current = { ...outer, uid, gid: uid, caps: new Set(caps) };
  try {
    return body();
  } finally {
    env.current = outer;
  }
}

function load(kernel: SimulatedKernel, prog_type: number, source: string, maps: Record<string, number> = {}): number {
  const insns = encodeInsns(assembleSource(source, { maps }).insns);
  return kernel.bpf(BPF_PROG_LOAD, { prog_type, insns, license: 'GPL', prog_name: 'p' });
}
const RETURN_1 = 'r0 = 1\nexit';

describe('a user without capabilities', () => {
  it('may make maps, load filters, use what it has the fd of', () => {
    const kernel = createKernel();
    as(kernel, 1000, () => {
      const fd = kernel.bpf(BPF_MAP_CREATE, hash);
      expect(fd).toBeGreaterThan(2);
      expect(kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: fd, key: new Uint8Array(4), value: new Uint8Array(8) })).toBe(0);
      for (const type of [BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_CGROUP_SKB]) {
        const prog = load(kernel, type, RETURN_1);
        expect(prog).toBeGreaterThan(2);
        const info: ProgInfo = {};
        expect(kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: prog, info })).toBe(0);
        expect(info).toMatchObject({ type, created_by_uid: 1000, xlated_prog_len: 0, jited_prog_len: 0 });
        expect(info.tag).toHaveLength(8);
      }
      expect(kernel.bpf(BPF_OBJ_PIN, { pathname: '/sys/fs/bpf/mine', bpf_fd: fd })).toBe(0);
      expect(kernel.bpf(BPF_OBJ_GET, { pathname: '/sys/fs/bpf/mine' })).toBeGreaterThan(2);
    });
  });

  it('may nothing else', () => {
    const kernel = createKernel();
    const root = kernel.open('/sys/fs/cgroup', 0);
    const map = kernel.bpf(BPF_MAP_CREATE, hash);
    const prog = load(kernel, BPF_PROG_TYPE_SOCKET_FILTER, RETURN_1);
    const denied = as(kernel, 1000, () => ({
      xdp: load(kernel, BPF_PROG_TYPE_XDP, RETURN_1),
      long: load(kernel, BPF_PROG_TYPE_SOCKET_FILTER, `${'r0 = 1\n'.repeat(4096)}exit`),
      btf: kernel.bpf(BPF_BTF_LOAD, { btf: new Uint8Array(24) }),
      run: kernel.bpf(BPF_PROG_TEST_RUN, { prog_fd: prog, data_in: new Uint8Array(64) }),
      nextMap: kernel.bpf(BPF_MAP_GET_NEXT_ID, { start_id: 0 }),
      nextProg: kernel.bpf(BPF_PROG_GET_NEXT_ID, { start_id: 0 }),
      nextBtf: kernel.bpf(BPF_BTF_GET_NEXT_ID, { start_id: 0 }),
      nextBeyond: kernel.bpf(BPF_MAP_GET_NEXT_ID, { start_id: 0x7fffffff }),
      mapById: kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id: 1 }),
      progById: kernel.bpf(BPF_PROG_GET_FD_BY_ID, { prog_id: 1 }),
      attach: kernel.bpf(BPF_PROG_ATTACH, { target_fd: root, attach_bpf_fd: prog, attach_type: 0 }),
      query: kernel.bpf(BPF_PROG_QUERY, { target_fd: root, attach_type: 0 }),
      fdQuery: kernel.bpf(BPF_TASK_FD_QUERY, { pid: 1000, fd: prog }),
      freeze: kernel.bpf(BPF_MAP_FREEZE, { map_fd: map }),
      zeroSeed: kernel.bpf(BPF_MAP_CREATE, { ...hash, map_flags: 64 }),
    }));
    const text = Object.fromEntries(Object.entries(denied).map(([what, ret]) => [what, answerText(ret)]));
    const eperm = Object.fromEntries(Object.keys(denied).map((what) => [what, 'EPERM']));
    expect(text).toEqual({ ...eperm, long: 'E2BIG', nextBeyond: 'EINVAL' });
  });

  it('may nothing at all once unprivileged_bpf_disabled is set', () => {
    const kernel = createKernel({ unprivilegedBpfDisabled: 1 });
    expect(as(kernel, 1000, () => kernel.bpf(BPF_MAP_CREATE, hash))).toBe(-1);
    expect(as(kernel, 1000, () => kernel.bpf(99 as 0, hash))).toBe(-1);
    expect(as(kernel, 1000, () => kernel.bpf(BPF_MAP_CREATE, hash), [CAP_SYS_ADMIN])).toBeGreaterThan(2);
    expect(as(kernel, 1000, () => kernel.bpf(BPF_MAP_CREATE, hash), [CAP_NET_ADMIN])).toBe(-1);
    expect(new TextDecoder().decode(kernel.readFile('/proc/sys/kernel/unprivileged_bpf_disabled') as Uint8Array)).toBe(
      '1\n',
    );
  });
});

describe('the bpf file system', () => {
  it('lets owner, group and others do what the mode says', () => {
    const kernel = createKernel();
    const { bpffs } = kernel.state;
    const pathname = '/sys/fs/bpf/m';
    as(kernel, 1000, () =>
      expect(kernel.bpf(BPF_OBJ_PIN, { pathname, bpf_fd: kernel.bpf(BPF_MAP_CREATE, hash) })).toBe(0),
    );
    const get = (uid: number, file_flags = 0): string => {
      const ret = as(kernel, uid, () => kernel.bpf(BPF_OBJ_GET, { pathname, file_flags }));
      return ret < 0 ? answerText(ret) : 'fd';
    };
    expect([get(1000), get(1001), get(1001, BPF_F_RDONLY), get(0)]).toEqual(['fd', 'EACCES', 'EACCES', 'fd']);
    bpffs.chmod(pathname, 0o604);
    expect([get(1001), get(1001, BPF_F_RDONLY), get(1001, BPF_F_WRONLY)]).toEqual(['EACCES', 'fd', 'EACCES']);
    bpffs.chmod(pathname, 0o602);
    expect([get(1001), get(1001, BPF_F_RDONLY), get(1001, BPF_F_WRONLY)]).toEqual(['EACCES', 'EACCES', 'fd']);
    expect(get(1000, BPF_F_RDONLY | BPF_F_WRONLY)).toBe('EINVAL');
  });

  it('opens maps for what was asked', () => {
    const kernel = createKernel();
    const pathname = '/sys/fs/bpf/m';
    kernel.bpf(BPF_OBJ_PIN, { pathname, bpf_fd: kernel.bpf(BPF_MAP_CREATE, hash) });
    const map_fd = kernel.bpf(BPF_OBJ_GET, { pathname, file_flags: BPF_F_RDONLY });
    expect(
      answerText(kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: new Uint8Array(4), value: new Uint8Array(8) })),
    ).toBe('EPERM');
  });

  it('keeps names to their owners: the root is sticky, directories have modes', () => {
    const kernel = createKernel();
    const { bpffs } = kernel.state;
    const code = (body: () => void): string => {
      try {
        body();
        return 'done';
      } catch (error) {
        return error instanceof BpfError ? error.code : String(error);
      }
    };
    as(kernel, 1000, () => {
      kernel.bpf(BPF_OBJ_PIN, { pathname: '/sys/fs/bpf/m', bpf_fd: kernel.bpf(BPF_MAP_CREATE, hash) });
      bpffs.mkdir('/sys/fs/bpf/d');
    });
    const pinIn = (uid: number): string =>
      as(kernel, uid, () =>
        answerText(kernel.bpf(BPF_OBJ_PIN, { pathname: '/sys/fs/bpf/d/x', bpf_fd: kernel.bpf(BPF_MAP_CREATE, hash) })),
      );
    expect(as(kernel, 1001, () => code(() => bpffs.unlink('/sys/fs/bpf/m')))).toBe('EPERM');
    expect(as(kernel, 1001, () => kernel.unlink?.('/sys/fs/bpf/m'))).toBe(-1);
    expect(pinIn(1001)).toBe('EACCES');
    expect(as(kernel, 1001, () => kernel.bpf(BPF_OBJ_GET, { pathname: '/sys/fs/bpf/d/x' }))).toBe(-13);
    expect(pinIn(1000)).toBe('0');
    expect(as(kernel, 1000, () => code(() => bpffs.rmdir('/sys/fs/bpf/d')))).toBe('ENOTEMPTY');
    expect(as(kernel, 1000, () => code(() => bpffs.unlink('/sys/fs/bpf/m')))).toBe('done');
    expect(code(() => bpffs.unlink('/sys/fs/bpf/d/x'))).toBe('done');
  });
});

describe.each(['interpreter', 'jit'] as const)('on the %s', (engine) => {
  it('runs are counted while statistics are on, and no others', () => {
    const kernel = createKernel({ engine });
    const prog_fd = load(kernel, BPF_PROG_TYPE_XDP, RETURN_1);
    const stats = () => {
      const info: ProgInfo = {};
      kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: prog_fd, info });
      return [info.run_cnt, (info.run_time_ns ?? 0n) > 0n];
    };
    const run = (repeat: number): number =>
      kernel.bpf(BPF_PROG_TEST_RUN, { prog_fd, data_in: new Uint8Array(64), repeat });
    const { env } = kernel.state;
    const sysctl = (): string =>
      new TextDecoder().decode(kernel.readFile('/proc/sys/kernel/bpf_stats_enabled') as Uint8Array);
    run(3);
    expect([stats(), sysctl()]).toEqual([[0n, false], '0\n']);
    env.bpfStatsEnabled = true;
    run(5);
    kernel.net.device('eth0').attachXdp(prog_fd);
    kernel.net.device('eth0').receive(new Uint8Array(64));
    expect([stats(), sysctl()]).toEqual([[6n, true], '1\n']);
    env.bpfStatsEnabled = false;
    run(2);
    expect(stats()[0]).toBe(6n);
    const fdinfo = new TextDecoder().decode(kernel.readFile(`/proc/self/fdinfo/${prog_fd}`) as Uint8Array);
    expect(fdinfo).toContain('run_cnt:\t6\n');
    expect(fdinfo).toContain('memlock:\t4096\n');
  });

  it('a test run has cgroup storage of its own, zeroed each time, kept over repeats', () => {
    const kernel = createKernel({ engine });
    const storage = (type: number) => createMap(kernel, { type, keySize: 16, valueSize: 8 });
    const [shared, perCpu] = [storage(19), storage(21)];
    const count = (m: string): string =>
      `r1 = ${m} ll\nr2 = 0\ncall 81\nr7 = *(u64 *)(r0 + 0)\nr7 += 1\n*(u64 *)(r0 + 0) = r7\n`;
    // Lets the first pass, and none after it.
    const source = `${count('a')}r8 = r7\n${count('b')}r8 += r7\nr0 = 1\nif r8 == 2 goto out\nr0 = 0\nout:\nexit`;
    const prog_fd = load(kernel, BPF_PROG_TYPE_CGROUP_SKB, source, { a: shared.fd, b: perCpu.fd });
    expect(prog_fd).toBeGreaterThan(2);
    const charged = kernel.state.memlock.chargedBytes;
    const run = (repeat: number): number => {
      const attr = { prog_fd, data_in: new Uint8Array(64), repeat, retval: 9 };
      expect(kernel.bpf(BPF_PROG_TEST_RUN, attr)).toBe(0);
      return attr.retval;
    };
    expect([run(1), run(1), run(2), run(1)]).toEqual([1, 1, 0, 1]);
    expect(kernel.state.memlock.chargedBytes).toBe(charged);
    kernel.state.env.memlockLimitBytes = charged;
    expect(answerText(kernel.bpf(BPF_PROG_TEST_RUN, { prog_fd, data_in: new Uint8Array(64) }))).toBe('ENOMEM');
  });
});

describe('TASK_FD_QUERY', () => {
  it('names what a raw tracepoint has, and refuses the rest in order', () => {
    const kernel = createKernel();
    const prog_fd = load(kernel, BPF_PROG_TYPE_RAW_TRACEPOINT, 'r0 = 0\nexit');
    const fd = kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { name: 'sys_enter', prog_fd });
    expect(fd).toBeGreaterThan(2);
    const { pid } = kernel.state.env.current;
    const query = (more: object) => {
      const attr = { pid, fd, flags: 0, buf: new Uint8Array(16), ...more } as {
        pid: number;
        fd: number;
        buf: Uint8Array;
        buf_len?: number;
        prog_id?: number;
        fd_type?: number;
      };
      const ret = answerText(kernel.bpf(BPF_TASK_FD_QUERY, attr));
      const end = attr.buf.indexOf(0);
      return [ret, new TextDecoder().decode(attr.buf.subarray(0, end)), attr.buf_len, attr.fd_type];
    };
    expect(query({})).toEqual(['0', 'sys_enter', 9, 0]);
    expect(query({ buf: new Uint8Array(4) })).toEqual(['ENOSPC', 'sys', 9, 0]);
    expect(query({ buf: new Uint8Array(10) })).toEqual(['0', 'sys_enter', 9, 0]);
    expect(query({ flags: 1 })[0]).toBe('EINVAL');
    expect(query({ flags: 1, pid: 1 })[0]).toBe('EINVAL');
    expect(query({ pid: 1 })[0]).toBe('ENOENT');
    expect(query({ fd: 999 })[0]).toBe('EBADF');
    expect(query({ fd: prog_fd })[0]).toBe('ENOTSUPP');
  });
});
