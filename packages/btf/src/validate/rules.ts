// SPDX-License-Identifier: MIT
import type { RawMember, ResolveVertex, ValidateEnv } from './env.ts';

/**
 * What the kernel checks of one kind. Functions return 0 or a positive errno, having written to the log.
 * @see kernel/bpf/btf.c, struct btf_kind_operations
 */
export interface KindRules {
  /** What the log prints behind the type's name, in as many pieces as the kernel writes. */
  details(env: ValidateEnv, id: number): string | readonly string[];
  /** The type by itself. `metaLeft` is what the type section has behind the record, in bytes. */
  checkMeta(env: ValidateEnv, id: number, metaLeft: number): number;
  /** One step of resolving what the type refers to: pushes a type, or pops this one. */
  resolve?(env: ValidateEnv, v: ResolveVertex): number;
  /** A member of this kind in a struct whose offsets are plain. `memberTypeId` is of this kind. */
  checkMember?(env: ValidateEnv, structId: number, m: RawMember, memberTypeId: number): number;
  /** The same in a struct whose offsets carry bitfield widths. */
  checkKflagMember?(env: ValidateEnv, structId: number, m: RawMember, memberTypeId: number): number;
}
