// SPDX-License-Identifier: MIT
import type { Btf } from '../model/btf.ts';
import { writeTypeDecl } from './declare.ts';
import { emitType } from './emit.ts';
import { markReferenced, orderType } from './order.ts';
import { CDumpState } from './state.ts';

const HEAD = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

`;

const TAIL = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`;

/**
 * The types as C, each after those it needs, without the header's guards. With `rootIds`, only those and what they
 * need.
 * @throws BtfError for types that C cannot express: endless ones, or a struct inside itself
 */
export function dumpBtfTypesC(btf: Btf, options: { rootIds?: readonly number[] } = {}): string {
  const d = new CDumpState(btf);
  markReferenced(d);
  const dumpOne = (id: number): void => {
    orderType(d, id, false);
    for (const queued of d.queue) emitType(d, queued, 0);
    d.queue.length = 0;
  };
  if (options.rootIds) options.rootIds.forEach(dumpOne);
  else for (let id = 1; id < btf.typeCount; id++) dumpOne(id);
  return d.text();
}

/** What `bpftool btf dump file F format c` prints: a vmlinux.h. */
export function dumpBtfC(btf: Btf, options: { rootIds?: readonly number[] } = {}): string {
  return HEAD + dumpBtfTypesC(btf, options) + TAIL;
}

/** One C declaration of `name` with the type, such as `char *(*cb)(int)`; the type alone where the name is empty. */
export function typeDeclC(btf: Btf, id: number, options: { name?: string; stripMods?: boolean } = {}): string {
  const d = new CDumpState(btf, { stripMods: options.stripMods });
  writeTypeDecl(d, id, options.name ?? '', 0);
  return d.text();
}
