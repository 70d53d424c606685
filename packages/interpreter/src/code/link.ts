// SPDX-License-Identifier: MIT
import type { HelperFn, HelperRow, Subprog } from '@tsbpf/core';
import type { Insn } from '@tsbpf/insn';

/** A call that leaves the program: how its result becomes R0, and who answers. */
export interface LinkedCall {
  readonly kind: 'call';
  readonly ret: 'sext' | 'zext' | 'ptr' | 'words';
  /** For observers and checked mode; undefined for bare programs. */
  readonly row: HelperRow | undefined;
  /** The function to call now: asked again whenever helpers were overridden. */
  resolve(): HelperFn;
}

/** What a call instruction becomes. */
export type Link = LinkedCall | { readonly kind: 'tailCall'; readonly row: HelperRow | undefined };

/** What is decoded: a verified program, or a bare one. */
export interface Source {
  readonly insns: readonly Insn[];
  readonly subprogs: readonly Subprog[];
  probeMem(idx: number): boolean;
  /** The call at `idx`, which is not of a function of the program. */
  link(insn: Insn, idx: number): Link;
}
