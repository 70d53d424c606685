// SPDX-License-Identifier: MIT
// `feature list_builtins` names what a kernel's headers have, without asking a kernel: here those of Linux 5.6.
import {
  BPF_ATTACH_TYPE_NAMES,
  BPF_FUNC_NAMES,
  BPF_MAP_TYPE_NAMES,
  BPF_MAP_TYPE_STRUCT_OPS,
  BPF_PROG_TYPE_NAMES,
  formatJson,
} from 'tsbpf';
import { print } from '../output/streams.ts';
import { fail, type BpftoolOptions } from './bpftool-error.ts';

function lowered(names: Readonly<Record<number, string>>, prefix: string, put = ''): string[] {
  return Object.entries(names)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => put + name.slice(prefix.length).toLowerCase());
}

const GROUPS: Readonly<Record<string, () => string[]>> = {
  prog_types: () => lowered(BPF_PROG_TYPE_NAMES, 'BPF_PROG_TYPE_'),
  map_types: () => {
    // The table names later types, too.
    const known = Object.entries(BPF_MAP_TYPE_NAMES).filter(([type]) => Number(type) <= BPF_MAP_TYPE_STRUCT_OPS);
    return ['unspec', ...lowered(Object.fromEntries(known), 'BPF_MAP_TYPE_')];
  },
  attach_types: () => lowered(BPF_ATTACH_TYPE_NAMES, 'BPF_'),
  // Linux 5.6 has links of raw tracepoints and trampolines only, without types.
  link_types: () => [],
  helpers: () => lowered(BPF_FUNC_NAMES, 'BPF_FUNC_', 'bpf_'),
};

/** `feature list_builtins GROUP`; the group may be cut short. */
export function listBuiltins(words: readonly string[], options: BpftoolOptions): void {
  const [group = ''] = words;
  const name = group === '' ? undefined : Object.keys(GROUPS).find((known) => known.startsWith(group));
  const list = name === undefined ? undefined : GROUPS[name];
  if (list === undefined) {
    return fail(`expected 'prog_types', 'map_types', 'attach_types', 'link_types' or 'helpers', got: ${group}`);
  }
  const names = list();
  if (options.json) print(formatJson(names, { pretty: options.pretty }));
  else for (const one of names) print(one);
}
