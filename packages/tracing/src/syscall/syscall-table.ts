// SPDX-License-Identifier: MIT
import { X86_64_SYSCALLS } from './generated/x86-64.ts';

/** A parameter of a system call, as C declares it. */
export interface SyscallParam {
  readonly type: string;
  readonly name: string;
}

/** A system call of x86-64. */
export interface Syscall {
  readonly nr: number;
  /** What users call it: `stat`. */
  readonly name: string;
  /** What its trace events and its entry point call it: `newstat`. */
  readonly event: string;
  readonly params: readonly SyscallParam[];
}

function parseParam(text: string): SyscallParam {
  const [, type = '', name = ''] = /^(.*?)\s*(\w+)$/.exec(text) ?? [];
  return { type, name };
}

function parseLine(line: string): Syscall {
  const [, nr, names = '', params = ''] = /^(\d+) (\S+)(?: (.*))?$/.exec(line) ?? [];
  const [name = '', event = name] = names.split('=');
  return { nr: Number(nr), name, event, params: params === '' ? [] : params.split('|').map(parseParam) };
}

/** The system calls of Linux v5.6 on x86-64, by either name. */
export class SyscallTable {
  readonly all: readonly Syscall[];
  readonly #byName = new Map<string, Syscall>();

  constructor() {
    this.all = X86_64_SYSCALLS.trim().split('\n').map(parseLine);
    for (const call of this.all) this.#byName.set(call.event, call);
    for (const call of this.all) this.#byName.set(call.name, call);
  }

  find(name: string): Syscall | undefined {
    return this.#byName.get(name);
  }
}
