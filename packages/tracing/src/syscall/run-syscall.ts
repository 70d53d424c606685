// SPDX-License-Identifier: MIT
// A system call as tracing sees it. @see arch/x86/entry/common.c, kernel/trace/trace_syscalls.c
import { ENOENT, EINVAL, UsageError } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import type { EventValues } from '../event/trace-event.ts';
import type { ProgRun, RunLog } from '../function/run-log.ts';
import { registerOff, withRegisters, type RegisterName } from '../probe/registers.ts';
import { integerWord, type UserMemory, type UserValue } from '../user/user-memory.ts';
import { enterEvent, exitEvent } from './syscall-events.ts';
import type { Syscall, SyscallTable } from './syscall-table.ts';

/** Where the arguments of a system call travel. */
const ARGUMENTS: readonly RegisterName[] = ['di', 'si', 'dx', 'r10', 'r8', 'r9'];
/** What the result register holds until there is one. */
const NO_RESULT = -38n;

/** What a system call does between its entry and its exit: its result, or a function that answers it. */
export type SyscallBody = number | bigint | ((args: readonly bigint[]) => number | bigint);

export interface SyscallResult {
  /** Signed: -errno where it failed. */
  readonly ret: bigint;
  /** Programs that ran meanwhile, in order. */
  readonly runs: readonly ProgRun[];
}

interface World {
  readonly kernel: KernelServices;
  readonly syscalls: SyscallTable;
  readonly user: UserMemory;
  readonly runs: RunLog;
  readonly regs: {
    readonly enter: (symbol: string, regs: bigint) => bigint | undefined;
    readonly leave: (symbol: string, ret: bigint) => void;
  };
  /** Makes a trace event occur, where somebody waits for it. */
  occurs(fullName: string, values: EventValues): void;
}

/** The kernel's function for a system call, which takes the registers. */
export const entryPoint = ({ event }: Syscall): string => `__x64_sys_${event}`;

function find(table: SyscallTable, name: string, args: readonly UserValue[]): Syscall {
  const call = table.find(name);
  if (call === undefined) throw new UsageError(`x86-64 has no system call ${name}`, { errno: ENOENT });
  if (args.length > call.params.length) {
    throw new UsageError(`${name} takes ${call.params.length} arguments, not ${args.length}`, { errno: EINVAL });
  }
  return call;
}

/**
 * Makes a system call: the tracepoint `sys_enter`, the call's own event, kprobes at its entry point, the body, and the
 * same on the way out. Strings and arrays lie in user memory for as long.
 * @errno ENOENT UsageError: there is no such call; EINVAL UsageError: more arguments than it has
 */
export function runSyscall(world: World, name: string, args: readonly UserValue[], body: SyscallBody): SyscallResult {
  const { kernel, user, runs } = world;
  const call = find(world.syscalls, name, args);
  const { result, runs: ran } = runs.during(() =>
    user.during(() => {
      const words = call.params.map((_, i) => user.word(args[i] ?? 0));
      const named = Object.fromEntries(ARGUMENTS.map((register, i) => [register, words[i] ?? 0n]));
      return withRegisters(kernel, { ...named, orig_ax: BigInt(call.nr), ax: NO_RESULT }, (regs) =>
        passThrough(world, call, { regs, words, body }),
      );
    }),
  );
  return { ret: BigInt.asIntN(64, result ?? 0n), runs: ran };
}

function passThrough(
  world: World,
  call: Syscall,
  { regs, words, body }: { regs: number; words: readonly bigint[]; body: SyscallBody },
): bigint {
  const { mem, tracepoints } = world.kernel;
  const values: Record<string, number | bigint> = { __syscall_nr: call.nr };
  tracepoints.fire('sys_enter', [{ off: regs }, BigInt(call.nr)]);
  call.params.forEach(({ name }, i) => (values[name] = words[i]));
  world.occurs(enterEvent(call), values);

  const overridden = world.regs.enter(entryPoint(call), mem.toAddr(regs));
  let ret = overridden;
  if (ret === undefined) {
    ret = integerWord(typeof body === 'function' ? body(words) : body);
    world.regs.leave(entryPoint(call), ret);
  }
  mem.write64(regs + registerOff('ax'), BigInt.asUintN(64, ret));
  tracepoints.fire('sys_exit', [{ off: regs }, BigInt.asUintN(64, ret)]);
  world.occurs(exitEvent(call), { __syscall_nr: call.nr, ret });
  return ret;
}
