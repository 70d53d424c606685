// SPDX-License-Identifier: MIT
// Generates @tsbpf/core's helper prototypes (what the verifier must know of each helper) and, per program type,
// which variant of which helper it may call.
import { generatedHeader, readReference, type GeneratedFile } from './reference.ts';

interface ProtoJson {
  variant: string;
  ret: string;
  args: string[];
  gpl_only: boolean;
  pkt_access: boolean;
  changes_pkt_data: boolean;
  prog_types: { prog_type: string; [condition: string]: unknown }[];
}
interface HelpersJson {
  helpers: {
    id: number;
    name: string;
    acquires_reference: boolean;
    releases_reference: boolean;
    pointer_cast_propagates_ref: boolean;
    requires_map_type?: string | string[];
    protos: ProtoJson[];
  }[];
}

/** What the verifier does for one helper only; rows say it, so that it knows no helper id. */
const SPECIAL: Record<string, string> = {
  tail_call: 'tailCall',
  spin_lock: 'spinLock',
  spin_unlock: 'spinUnlock',
  get_local_storage: 'localStorage',
  map_lookup_elem: 'mapLookup',
  map_update_elem: 'mapUpdate',
  map_delete_elem: 'mapDelete',
  map_push_elem: 'mapPush',
  map_pop_elem: 'mapPop',
  map_peek_elem: 'mapPeek',
  get_prandom_u32: 'prandom',
  jiffies64: 'jiffies',
  override_return: 'overrideReturn',
};
const BOUNDS_RET_BY_SIZE = new Set(['get_stack', 'probe_read_str']);

function when(rest: Record<string, unknown>): string {
  const out: string[] = [];
  for (const text of (rest['condition'] as string[] | undefined) ?? []) {
    if (text === 'CAP_SYS_ADMIN at load') out.push('sysAdmin: true');
    else if (text.startsWith('CONFIG_')) out.push(`config: '${text}'`);
    else {
      const set = /^expected_attach_type in \{(.*)\}$/.exec(text)?.[1];
      if (set === undefined) throw new TypeError(`unknown condition: ${text}`);
      out.push(
        `attachTypes: [${set
          .split(', ')
          .map((name) => `'BPF_CGROUP_${name}'`)
          .join(', ')}]`,
      );
    }
  }
  return out.length > 0 ? `, when: { ${out.join(', ')} }` : '';
}

export function generateHelperProtos(): GeneratedFile[] {
  const { helpers } = readReference<HelpersJson>('programs/helpers.json');
  const { maps } = readReference<{ maps: { id: number; name: string }[] }>('core/maps.json');
  const mapType = new Map(maps.map((row) => [row.name, row.id]));
  const rows: string[] = [];
  const byType = new Map<string, string[]>();
  for (const helper of helpers) {
    for (const proto of helper.protos) {
      const args = proto.args.filter((arg) => arg !== 'ARG_DONTCARE').map((arg) => `'${arg}'`);
      const parts = [`id: ${helper.id}`, `name: '${helper.name}'`, `ret: '${proto.ret}'`, `args: [${args.join(', ')}]`];
      if (proto.gpl_only) parts.push('gplOnly: true');
      if (proto.pkt_access) parts.push('pktAccess: true');
      if (proto.changes_pkt_data) parts.push('changesPktData: true');
      if (helper.acquires_reference) parts.push('acquiresRef: true');
      if (helper.releases_reference) parts.push('releasesRef: true');
      if (helper.pointer_cast_propagates_ref) parts.push('castsRef: true');
      if (helper.requires_map_type !== undefined) {
        const list = [helper.requires_map_type].flat().map((name) => mapType.get(name.replace(/^BPF_MAP_TYPE_/, '')));
        if (list.includes(undefined)) throw new TypeError(`unknown map type for ${helper.name}`);
        parts.push(`mapTypes: [${list.join(', ')}]`);
      }
      if (SPECIAL[helper.name] !== undefined) parts.push(`special: '${SPECIAL[helper.name]}'`);
      if (BOUNDS_RET_BY_SIZE.has(helper.name)) parts.push('boundsRetBySize: true');
      rows.push(`  ${proto.variant}: { ${parts.join(', ')} },`);
      for (const entry of proto.prog_types) {
        const { prog_type, ...rest } = entry;
        const conditions = when(rest);
        const list = byType.get(prog_type) ?? [];
        list.push(`    { id: ${helper.id}, variant: '${proto.variant}'${conditions} },`);
        byType.set(prog_type, list);
      }
    }
  }
  const types = [...byType].map(([name, list]) => `  ${name}: [\n${list.join('\n')}\n  ],`);
  return [
    {
      path: 'packages/core/src/generated/helper-protos.ts',
      text:
        generatedHeader +
        `import type { FuncProto } from '../func-proto.ts';\n\n/** Prototypes of every helper of Linux v5.6, by variant name. */\n` +
        `export const HELPER_PROTOS = {\n${rows.join('\n')}\n} as const satisfies Record<string, FuncProto>;\n\n` +
        `/** The name of a helper variant of Linux v5.6. */\nexport type HelperVariant = keyof typeof HELPER_PROTOS;\n`,
    },
    {
      path: 'packages/core/src/generated/prog-helpers.ts',
      text:
        generatedHeader +
        `import type { HelperChoice } from '../prog-type.ts';\n\n/** Helper variants each program type of Linux v5.6 may call; \`when\` narrows the row. */\n` +
        `export const PROG_TYPE_HELPERS = {\n${types.join('\n')}\n} as const satisfies Record<string, readonly HelperChoice[]>;\n`,
    },
  ];
}
