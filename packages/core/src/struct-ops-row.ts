// SPDX-License-Identifier: MIT
import type { KernelServices } from './services.ts';
import type { KernelTypes } from './kernel-types.ts';
import type { FuncEntry } from './kernel-text.ts';
import type { ProgFacts } from './prog-type.ts';

/** A registered table of operations: callables by member name, data bytes of the kernel structure. */
export interface StructOpsInstance {
  /** Offset of the kernel structure in memory. */
  readonly off: number;
  /** The entry of a function member; undefined where the user gave none. */
  member(name: string): FuncEntry | undefined;
  /** Takes a reference for a user such as a socket; false where the table is going away. */
  get(): boolean;
  put(): void;
}

/** What the verifier needs of a kernel structure of function pointers that BPF may implement. */
export interface StructOpsRules {
  /** The kernel structure, such as `tcp_congestion_ops`. */
  readonly name: string;
  /** Members that must be given, may be left out, and cannot be implemented. */
  readonly mandatory: readonly string[];
  readonly optional: readonly string[];
  readonly unsupported: readonly string[];
  /** Helper prototypes its programs may call besides the base set. */
  getFuncProto(id: number, prog: ProgFacts): string | undefined;
  /** Whether a program may write `size` bytes at `off` of the kernel structure `structName`; -EACCES with log text. */
  btfStructWrite(access: { structName: string; off: number; size: number; types: KernelTypes }): number | string;
  /** Structures a member's pointer argument is promoted to: `sock` becomes `tcp_sock`. */
  promote?(structName: string): string | undefined;
}

/** A kernel structure of function pointers that BPF may implement. @see include/linux/bpf.h, struct bpf_struct_ops */
export interface StructOpsRow extends StructOpsRules {
  /**
   * Looks at one member's value, `dst` being where the kernel's structure has it. 1: checked and copied; 0: the map goes
   * by its own rules, which are a program's fd for a function and zero for anything else; negative: -errno.
   * @see net/ipv4/bpf_tcp_ca.c, bpf_tcp_ca_init_member
   */
  initMember(kernel: KernelServices, member: { name: string; value: Uint8Array; dst: number }): number;
  /** Registers; 0 or -errno. */
  register(kernel: KernelServices, instance: StructOpsInstance): number;
  unregister(kernel: KernelServices, instance: StructOpsInstance): void;
}
