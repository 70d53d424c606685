// SPDX-License-Identifier: MIT
// Attaching a program to a cgroup. @see kernel/bpf/cgroup.c, __cgroup_bpf_attach
import {
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_REPLACE,
  E2BIG,
  EINVAL,
  ENOENT,
  ENOMEM,
  EPERM,
} from '@tsbpf/uapi';
import type { BpfProg } from '@tsbpf/core';
import { allocStorages, freeStorages } from '../storage/storage.ts';
import type { Cgroup } from '../tree/cgroup.ts';
import { EMPTY_LIST, isMulti, type Attachment } from './attachment.ts';
import { updateEffective } from './effective.ts';

/** Programs one cgroup takes for one attach type. */
export const CGROUP_MAX_PROGS = 64;

const MODE = BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI;

export interface AttachRequest {
  readonly prog: BpfProg;
  readonly attachType: number;
  /** BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI, BPF_F_REPLACE. */
  readonly flags: number;
  /** The program whose place this one takes, with BPF_F_REPLACE. */
  readonly replace?: BpfProg | undefined;
  /** For the order of storages. */
  readonly seq: number;
}

/** The nearest ancestor with programs decides; one that allows several does so without having any. */
function hierarchyAllows(cgroup: Cgroup, attachType: number): boolean {
  for (const at of cgroup.ancestry()) {
    if (at === cgroup) continue;
    const list = at.lists.get(attachType) ?? EMPTY_LIST;
    if (isMulti(list)) return true;
    if (list.items.length === 1) return (list.flags & BPF_F_ALLOW_OVERRIDE) !== 0;
  }
  return true;
}

/**
 * Attaches; the attachment takes a reference of the program.
 * @errno EINVAL flags that exclude each other; the program is in the list already
 * @errno EPERM an ancestor does not allow it; the cgroup has programs attached with other flags
 * @errno E2BIG the list is full, even for a replacement
 * @errno ENOENT the program to replace is not there
 * @errno ENOMEM no memory for storages
 */
export function attachProg(cgroup: Cgroup, request: AttachRequest): number {
  const { prog, attachType, flags, replace, seq } = request;
  const mode = flags & MODE;
  if (mode === MODE || ((flags & BPF_F_REPLACE) !== 0 && (flags & BPF_F_ALLOW_MULTI) === 0)) return -EINVAL;
  if (!hierarchyAllows(cgroup, attachType)) return -EPERM;
  const list = cgroup.lists.get(attachType) ?? EMPTY_LIST;
  const { items } = list;
  if (items.length > 0 && list.flags !== mode) return -EPERM;
  if (items.length >= CGROUP_MAX_PROGS) return -E2BIG;

  let old: Attachment | undefined = items[0];
  if (isMulti({ flags })) {
    if (items.some((item) => item.prog === prog)) return -EINVAL;
    old = replace === undefined ? undefined : items.find((item) => item.prog === replace);
    if ((flags & BPF_F_REPLACE) !== 0 && old === undefined) return -ENOENT;
  }
  const storages = allocStorages(prog, seq);
  if (storages === undefined) return -ENOMEM;

  prog.get();
  const fresh: Attachment = { prog, cgroup, storages };
  const next = old === undefined ? [...items, fresh] : items.map((item) => (item === old ? fresh : item));
  cgroup.lists.set(attachType, { flags: mode, items: next });
  updateEffective(cgroup, attachType);
  if (old !== undefined) release(old);
  return 0;
}

/** Lets go of an attachment that no list holds any more. */
export function release({ prog, storages }: Attachment): void {
  freeStorages(storages);
  prog.put();
}
