// SPDX-License-Identifier: MIT
import type { Btf } from '../model/btf.ts';
import { essentialName } from '../model/name-index.ts';
import { kindsCompatible } from './compat.ts';
import { noLog, type CoreLog } from './log.ts';
import { kindWord } from './spec.ts';

/** A type of a running kernel that may be what a program's own type stands for. */
export interface CoreCandidate {
  readonly btf: Btf;
  readonly typeId: number;
}

/** A BTF to search: the kernel's, or a module's on top of it. */
export interface CoreTarget {
  readonly btf: Btf;
  /** As libbpf's log names it: `vmlinux`, or the module. */
  readonly name: string;
}

/**
 * The target types that a local one may stand for: those of the same kind and name, `___flavor` aside. The first
 * target is the kernel's; the others, modules, are searched only where it has none, and only in their own types.
 */
export function findCoreCandidates(init: {
  localBtf: Btf;
  typeId: number;
  targets: readonly CoreTarget[];
  log?: CoreLog;
}): CoreCandidate[] {
  const { localBtf, typeId, targets, log = noLog } = init;
  const localName = localBtf.name(typeId);
  const localKind = localBtf.kind(typeId);
  const wanted = essentialName(localName);
  const found: CoreCandidate[] = [];
  if (typeId === 0 || wanted === '') return found;
  for (const [i, { btf, name }] of targets.entries()) {
    if (i > 0 && found.some((c) => c.btf === targets[0].btf)) break;
    for (const id of btf.idsByEssentialName(wanted)) {
      if (i > 0 && id < btf.startId) continue;
      if (!kindsCompatible(btf.kind(id), localKind)) continue;
      log(
        'debug',
        `CO-RE relocating [${typeId}] ${kindWord(localKind)} ${localName}: found target candidate ` +
          `[${id}] ${kindWord(btf.kind(id))} ${btf.name(id)} in [${name}]`,
      );
      found.push({ btf, typeId: id });
    }
  }
  return found;
}
