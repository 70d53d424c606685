// SPDX-License-Identifier: MIT
// Generates @tsbpf/net's tables of program-side context fields: where each lies, and how each program type may access it.
import { generatedHeader, readReference, type GeneratedFile } from './reference.ts';

type AccessJson = false | null | string | { 'list (inner_off,size)': [number, number][] } | Record<string, string>;
interface FieldJson {
  name: string;
  offset: number;
  size: number;
  read: AccessJson;
  write: AccessJson;
  reg_type?: string | null;
}
interface ProgTypesJson {
  prog_types: { name: string; ctx_size: number; ctx_fields: FieldJson[] }[];
  pointer_target_structs: Record<string, { fields: FieldJson[] }>;
}

const NET_TYPES = [
  'SOCKET_FILTER',
  'SCHED_CLS',
  'SCHED_ACT',
  'XDP',
  'CGROUP_SKB',
  'LWT_IN',
  'LWT_OUT',
  'LWT_XMIT',
  'LWT_SEG6LOCAL',
  'SK_SKB',
  'SK_MSG',
  'SK_REUSEPORT',
  'FLOW_DISSECTOR',
  'LIRC_MODE2',
];

/** Words of the reference for a way of access, and ours. */
function wayOf(text: string): string {
  if (text === '4 only' || text === '8 only' || text === 'each u32 element full-width only (4)') return `'whole'`;
  if (text.endsWith('8-byte at field-relative offsets [0, 8]')) return `'bytes'`;
  if (text.startsWith('1,2,4 bytes') || text === 'each u32 element: 1,2,4 bytes, naturally aligned') return `'narrow'`;
  throw new TypeError(`unknown access: ${text}`);
}

function access(key: 'read' | 'write', json: AccessJson): string[] {
  if (json === false || json === null) return [];
  if (typeof json === 'string') return [`${key}: ${wayOf(json)}`];
  if ('list (inner_off,size)' in json) {
    const list = json['list (inner_off,size)'] as [number, number][];
    return [`${key}: [${list.map(([off, size]) => `[${off}, ${size}]`).join(', ')}]`];
  }
  const [[condition, text]] = Object.entries(json) as [[string, string]];
  const when = { privileged: 'privileged', 'device-bound(offload)': 'devBound' }[condition];
  if (when === undefined) throw new TypeError(`unknown condition: ${condition}`);
  return [`${key}: ${wayOf(text)}`, `${key}When: '${when}'`];
}

function rows(fields: FieldJson[]): string[] {
  return fields.map((field) => {
    const reg = field.reg_type === 'SCALAR' ? 'SCALAR_VALUE' : field.reg_type;
    const parts = [
      `name: '${field.name}'`,
      `off: ${field.offset}`,
      `size: ${field.size}`,
      ...access('read', field.read),
      ...access('write', field.write),
      ...(reg === undefined || reg === null || reg === 'SCALAR_VALUE' ? [] : [`reg: '${reg}'`]),
    ];
    return `  { ${parts.join(', ')} },`;
  });
}

export function generateCtxFields(): GeneratedFile[] {
  const json = readReference<ProgTypesJson>('programs/progtypes.json');
  const tables: string[] = [];
  const table = (name: string, doc: string, fields: FieldJson[]): void => {
    tables.push('', `/** ${doc} */`, `export const ${name}: readonly CtxField[] = [`, ...rows(fields), '];');
  };
  for (const type of NET_TYPES) {
    const found = json.prog_types.find((row) => row.name === `BPF_PROG_TYPE_${type}`);
    if (found === undefined) throw new TypeError(`no program type ${type}`);
    table(`${type}_FIELDS`, `Context of ${type}, ${found.ctx_size} bytes.`, found.ctx_fields);
  }
  for (const [name, target] of Object.entries(json.pointer_target_structs)) {
    const [, struct, reg] = /^(\w+) via PTR_TO_(\w+)$/.exec(name) ?? [];
    table(`${reg}_FIELDS`, `\`struct ${struct}\` through PTR_TO_${reg}.`, target.fields);
  }
  const path = 'packages/net/src/generated/ctx-fields.ts';
  return [
    {
      path,
      text: generatedHeader + "import type { CtxField } from '../access/ctx-field.ts';\n" + tables.join('\n') + '\n',
    },
  ];
}
