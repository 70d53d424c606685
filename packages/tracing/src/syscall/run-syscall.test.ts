// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_TRACEPOINT, UsageError } from '@tsbpf/uapi';
import { createTestSys, installFakeProg } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { registerOff } from '../probe/registers.ts';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';
import { SyscallTable } from './syscall-table.ts';

const [TRACEPOINT, KPROBE] = [2, 6];

function setUp() {
  const sys = createTestSys({ rows: tracingRegistries() });
  const tracing = tracingOf(sys.state);
  const { mem } = sys.state;
  const log: unknown[] = [];
  const words = (at: number, n: number): bigint[] => Array.from({ length: n }, (_, i) => mem.read64(at + 8 * i));
  /** Notes the words of an event's record behind the common part. */
  const watch = (fullName: string, n: number): void => {
    const id = tracing.findEvent(fullName)?.id ?? 0;
    const fd = sys.perfEventOpen({ type: TRACEPOINT, config: BigInt(id), pid: -1, cpu: 0 });
    const run = (ctx: number): number => (log.push([fullName, ...words(ctx + 8, n)]), 1);
    expect(sys.perfEventSetBpf(fd, installFakeProg(sys, { type: BPF_PROG_TYPE_TRACEPOINT, run }).fd)).toBe(0);
  };
  return { sys, tracing, mem, log, watch };
}

describe('the table', () => {
  const table = new SyscallTable();
  test('has numbers and parameters of x86-64, under both names of a call', () => {
    expect(table.find('read')).toMatchObject({ nr: 0, event: 'read' });
    expect(table.find('openat2')?.nr).toBe(437);
    expect(table.find('stat')).toBe(table.find('newstat'));
    expect(table.find('umount2')).toMatchObject({ nr: 166, event: 'umount' });
    expect(table.find('openat')?.params).toEqual([
      { type: 'int', name: 'dfd' },
      { type: 'const char *', name: 'filename' },
      { type: 'int', name: 'flags' },
      { type: 'umode_t', name: 'mode' },
    ]);
    expect(table.find('getpid')?.params).toEqual([]);
    expect(table.find('futex_waitv')).toBeUndefined();
  });

  test('has each number once, and at most six parameters', () => {
    expect(new Set(table.all.map(({ nr }) => nr)).size).toBe(table.all.length);
    for (const { name, params } of table.all) {
      expect(params.length, name).toBeLessThanOrEqual(6);
      for (const param of params) expect(param.type !== '' && param.name !== '', `${name} ${param.name}`).toBe(true);
    }
  });
});

describe('a system call', () => {
  test('fires its own events and those of all calls, on entry and exit', () => {
    const { tracing, log, watch } = setUp();
    watch('syscalls:sys_enter_openat', 5);
    watch('syscalls:sys_exit_openat', 2);
    watch('raw_syscalls:sys_enter', 7);
    watch('raw_syscalls:sys_exit', 2);
    let seen: readonly bigint[] = [];
    const { ret, runs } = tracing.syscall('openat', [-100, '/etc/passwd', 0o2, 0o644], (args) => {
      seen = args;
      log.push('body');
      return -2;
    });
    expect(ret).toBe(-2n);
    expect(runs).toHaveLength(4);
    const [dfd, path, flags, mode] = [2n ** 64n - 100n, seen[1], 2n, 0o644n];
    const failed = 2n ** 64n - 2n;
    expect(seen).toEqual([dfd, path, flags, mode]);
    expect(log).toEqual([
      ['raw_syscalls:sys_enter', 257n, dfd, path, flags, mode, 0n, 0n],
      ['syscalls:sys_enter_openat', 257n, dfd, path, flags, mode],
      'body',
      ['raw_syscalls:sys_exit', 257n, failed],
      ['syscalls:sys_exit_openat', 257n, failed],
    ]);
  });

  test('has its strings and arrays in user memory meanwhile', () => {
    const { tracing } = setUp();
    const text = (addr: bigint): string => new TextDecoder().decode(tracing.user.read(addr, 3)).replace(/\0.*$/s, '');
    const pointers = (addr: bigint, n: number): bigint[] => [
      ...new BigUint64Array(tracing.user.read(addr, 8 * n)?.buffer ?? new ArrayBuffer(0)),
    ];
    let argv: string[] = [];
    tracing.syscall('execve', ['ls', ['ls', '-l'], null], ([, list, envp]) => {
      const [first, second, end] = pointers(list, 3);
      argv = [text(first), text(second), String(end), String(envp)];
      return 0;
    });
    expect(argv).toEqual(['ls', '-l', '0', '0']);
  });

  test('runs kprobes at its entry point, which finds the registers', () => {
    const { sys, tracing, mem, log } = setUp();
    const at = { path: '__x64_sys_newstat', probeOffset: 0n, config: 0n, pid: -1, cpu: 0 };
    for (const retprobe of [false, true]) {
      const fd = sys.perfEventOpen({ type: KPROBE, ...at, retprobe });
      const run = (ctx: number): number => {
        const regs = mem.toOff(mem.read64(ctx + registerOff('di')));
        log.push(retprobe ? mem.read64(ctx + registerOff('ax')) : mem.read64(regs + registerOff('si')));
        return 0;
      };
      expect(sys.perfEventSetBpf(fd, installFakeProg(sys, { type: BPF_PROG_TYPE_KPROBE, run }).fd)).toBe(0);
    }
    tracing.syscall('stat', ['/', 0x7777n], 5);
    expect(log).toEqual([0x7777n, 5n]);
    expect(sys.perfEventOpen({ type: KPROBE, ...at, path: '__x64_sys_stat', retprobe: false })).toBeLessThan(0);
  });

  test('has format files as Linux shows them', () => {
    const { sys } = setUp();
    const read = (name: string): string => {
      const file = sys.readFile(`/sys/kernel/tracing/events/syscalls/${name}/format`);
      return typeof file === 'number' ? String(file) : new TextDecoder().decode(file);
    };
    expect(read('sys_enter_openat')).toContain(
      '\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n' +
        '\tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n',
    );
    expect(read('sys_exit_openat')).toContain('\tfield:long ret;\toffset:16;\tsize:8;\tsigned:1;\n');
    expect(read('sys_enter_no_such')).toMatch(/^-/);
  });

  test('is refused where there is no such call, or too much is passed', () => {
    const { tracing } = setUp();
    expect(() => tracing.syscall('no_such')).toThrow(new UsageError('x86-64 has no system call no_such', { errno: 2 }));
    expect(() => tracing.syscall('getpid', [1])).toThrow('getpid takes 0 arguments, not 1');
    expect(() => tracing.syscall('close', [1.5])).toThrow('1.5 is no integer');
    expect(() => tracing.syscall('close', [1], () => Number.NaN)).toThrow('NaN is no integer');
  });
});
