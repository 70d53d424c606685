// SPDX-License-Identifier: MIT
// The two trace events of each system call. @see kernel/trace/trace_syscalls.c
import type { FieldSpec } from '../event/trace-event.ts';
import type { Syscall, SyscallTable } from './syscall-table.ts';

export const SYSCALLS = 'syscalls';
const ENTER = 'sys_enter_';
const EXIT = 'sys_exit_';

const NUMBER: FieldSpec = { name: '__syscall_nr', type: 'int', size: 4 };
const WORD = 8;

/** Fields of `syscalls:sys_enter_*`: the number, and each argument as a whole word. */
function enterFields(call: Syscall): FieldSpec[] {
  return [NUMBER, ...call.params.map(({ name, type }) => ({ name, type, size: WORD, align: WORD, unsigned: true }))];
}

const EXIT_FIELDS: readonly FieldSpec[] = [NUMBER, { name: 'ret', type: 'long', size: WORD }];

/** Fields of an event of a system call by its name; undefined where there is no such call. */
export function syscallEventFields(table: SyscallTable, name: string): readonly FieldSpec[] | undefined {
  const prefix = [ENTER, EXIT].find((start) => name.startsWith(start));
  if (prefix === undefined) return undefined;
  const call = table.find(name.slice(prefix.length));
  if (call === undefined || call.event !== name.slice(prefix.length)) return undefined;
  return prefix === ENTER ? enterFields(call) : EXIT_FIELDS;
}

export const enterEvent = (call: Syscall): string => `${SYSCALLS}:${ENTER}${call.event}`;
export const exitEvent = (call: Syscall): string => `${SYSCALLS}:${EXIT}${call.event}`;
