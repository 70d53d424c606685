// SPDX-License-Identifier: MIT
import { BPF_F_ALLOW_MULTI } from '@tsbpf/uapi';
import type { BpfProg } from '@tsbpf/core';
import type { Cgroup } from '../tree/cgroup.ts';
import type { StoragePair } from '../storage/storage.ts';

/** A program attached to a cgroup, with the storage that belongs to this very attachment. */
export interface Attachment {
  readonly prog: BpfProg;
  readonly cgroup: Cgroup;
  readonly storages: StoragePair;
}

/** What a cgroup has for one attach type, in attach order. */
export interface AttachList {
  /** BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI or 0: those of the last attach; 0 for an empty list. */
  readonly flags: number;
  readonly items: readonly Attachment[];
}

export const EMPTY_LIST: AttachList = { flags: 0, items: [] };

/** A list takes several programs, and contributes whatever lies below. */
export function isMulti(list: Pick<AttachList, 'flags'>): boolean {
  return (list.flags & BPF_F_ALLOW_MULTI) !== 0;
}
