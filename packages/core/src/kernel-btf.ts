// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';

/** A BTF object the kernel holds: loaded by BPF_BTF_LOAD, or its own. */
export interface KernelBtf {
  /** 0 for vmlinux in Linux v5.6, which gives it no id. */
  readonly id: number;
  readonly btf: Btf;
  /** The blob as it was loaded. */
  readonly bytes: Uint8Array;
  get(): void;
  put(): void;
}
