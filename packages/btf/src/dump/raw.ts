// SPDX-License-Identifier: MIT
import { shownName, type Json } from '../kind/def.ts';
import { kindDef } from '../kind/table.ts';
import { BTF_KIND_NAMES } from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import { formatJson } from './json.ts';

export interface RawDumpOptions {
  /** Only these ids; all of the blob's own where not given. */
  readonly rootIds?: readonly number[];
}

function* idsOf(btf: Btf, rootIds: readonly number[] | undefined): Generator<number> {
  if (rootIds) yield* rootIds;
  else for (let id = btf.startId; id < btf.typeCount; id++) yield id;
}

/** One type's lines of the raw dump, without a newline at the end. */
export function rawTypeText(btf: Btf, id: number): string {
  const type = btf.type(id);
  if (type.kind === 0) return `[0] VOID '(void)'`;
  const name = shownName(type.name);
  return `[${id}] ${BTF_KIND_NAMES[type.kind]} '${name}' ${kindDef(type.kind).rawText(type, btf).join('\n')}`;
}

/** One type of the raw dump's JSON. */
export function rawTypeJson(btf: Btf, id: number): { readonly [key: string]: Json } {
  const type = btf.type(id);
  if (type.kind === 0) return { id: 0, kind: 'VOID', name: 'void' };
  return {
    id,
    kind: BTF_KIND_NAMES[type.kind],
    name: shownName(type.name),
    ...kindDef(type.kind).rawJson(type, btf),
  };
}

/** What `bpftool btf dump file F` prints. */
export function dumpBtfRaw(btf: Btf, options: RawDumpOptions = {}): string {
  let text = '';
  for (const id of idsOf(btf, options.rootIds)) text += `${rawTypeText(btf, id)}\n`;
  return text;
}

/** What `bpftool -j btf dump file F` prints, or `-p` with `pretty`; without the newline at the end. */
export function dumpBtfRawJson(btf: Btf, options: RawDumpOptions & { pretty?: boolean } = {}): string {
  if (options.pretty) {
    const types = [...idsOf(btf, options.rootIds)].map((id) => rawTypeJson(btf, id));
    return formatJson({ types }, { pretty: true });
  }
  let text = '';
  for (const id of idsOf(btf, options.rootIds)) text += `${text ? ',' : ''}${formatJson(rawTypeJson(btf, id))}`;
  return `{"types":[${text}]}`;
}
