// SPDX-License-Identifier: MIT
// Merged BTF against what is expected of it: kinds, sizes and references, and all strings.
import { dedupBtf, parseBtf } from '../../packages/btf/src/index.ts';
import type { DedupCase } from './tables.ts';

/** Heads of the types: name aside, what the tree's own test compares. */
function heads(blob: Uint8Array): string {
  const btf = parseBtf(blob);
  const list: string[] = [];
  for (let id = 1; id < btf.typeCount; id++) {
    const { kind, size, typeId, members, params, values } = btf.type(id) as unknown as Record<string, unknown>;
    const lengths = [members, params, values].map((it) => (Array.isArray(it) ? it.length : 0));
    list.push([kind, size, typeId, ...lengths].map(String).join(' '));
  }
  return list.join('\n');
}

function strings(blob: Uint8Array): string {
  const view = new DataView(blob.buffer, blob.byteOffset);
  const start = view.getUint32(4, true) + view.getUint32(16, true);
  const text = new TextDecoder().decode(blob.subarray(start, start + view.getUint32(20, true)));
  return text.split('\0').sort().join('|');
}

/** Whether merging gives what is expected. */
export function mergesAsExpected(test: DedupCase): boolean {
  const { bytes } = dedupBtf(parseBtf(test.btf)).btf;
  return heads(bytes) === heads(test.expected) && strings(bytes) === strings(test.expected);
}

/** libbpf 1.1 takes an enum that is only declared for one that is defined, whichever sizes they have; 6.1's did not. */
export const MERGED_SINCE_1_1: readonly string[] = ['dedup: enum fwd resolution'];
