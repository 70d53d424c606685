// SPDX-License-Identifier: MIT
// Generates @tsbpf/uapi's constants and attribute layouts.
import { generatedHeader, readReference, type GeneratedFile } from './reference.ts';

interface Field {
  name: string;
  off: number;
  size: number;
  bits?: number;
}
interface AttrJson {
  meta: { v5_6_union_size: number };
  attr_groups_v5_6: Record<string, { struct_size: number; fields: Field[] }>;
  commands: { cmd: number; name: string; since: string; attr_group: string; last_field_5_6: string | null }[];
  info_structs: { v5_6: Record<string, { size: number; fields: Field[] }> };
}
interface MapsJson {
  common: { map_create_flags: Record<string, [number, string]> };
  maps: { id: number; name: string; since: string }[];
}
interface ProgTypesJson {
  prog_types: { id: number; name: string }[];
}
interface AttachJson {
  attach_types: { id: number; name: string }[];
}
interface HelpersJson {
  helpers: { id: number; name: string }[];
}

const since = (text: string): string => /^[\d.]+/.exec(text)?.[0] ?? '99.0';
const strip = (field: string): string => field.slice(field.indexOf('.') + 1);

export function generateUapi(): GeneratedFile[] {
  const attr = readReference<AttrJson>('core/bpf_attr.json');
  const maps = readReference<MapsJson>('core/maps.json');
  const progTypes = readReference<ProgTypesJson>('programs/progtypes.json').prog_types;
  const attach = readReference<AttachJson>('programs/attach.json').attach_types;
  const helpers = readReference<HelpersJson>('programs/helpers.json').helpers;
  const dir = 'packages/uapi/src/generated';

  const table = (title: string, rows: { name: string; id: number }[], type: string): string => {
    const lines = rows.map((row) => `export const ${row.name} = ${row.id};`);
    const names = rows.map((row) => `  ${row.id}: '${row.name}',`);
    return (
      `${lines.join('\n')}\n\n/** ${title}, by number. */\nexport const ${type}: Readonly<Record<number, string>> = {\n` +
      `${names.join('\n')}\n};\n`
    );
  };

  const commandRows = attr.commands.map((row) => ({ name: row.name, id: row.cmd }));
  const mapRows = maps.maps.map((row) => ({ name: `BPF_MAP_TYPE_${row.name}`, id: row.id }));
  const progRows = [
    { name: 'BPF_PROG_TYPE_UNSPEC', id: 0 },
    ...progTypes.map((row) => ({ name: row.name, id: row.id })),
  ];
  const attachRows = attach.map((row) => ({ name: row.name, id: row.id }));
  const helperRows = helpers.map((row) => ({ name: `BPF_FUNC_${row.name}`, id: row.id }));
  const flagLines = Object.entries(maps.common.map_create_flags).map(
    ([name, [value, sinceText]]) =>
      `/** Map creation flag, since Linux ${since(sinceText)}. */\nexport const BPF_F_${name} = ${value};`,
  );

  const files: GeneratedFile[] = [
    {
      path: `${dir}/commands.ts`,
      text:
        generatedHeader +
        table('Names of bpf(2) commands', commandRows, 'BPF_CMD_NAMES') +
        `\n/** The Linux version that introduced each command. */\nexport const BPF_CMD_SINCE: Readonly<Record<number, string>> = {\n` +
        attr.commands.map((row) => `  ${row.cmd}: '${since(row.since)}',`).join('\n') +
        '\n};\n',
    },
    {
      path: `${dir}/map-types.ts`,
      text:
        generatedHeader +
        'export const BPF_MAP_TYPE_UNSPEC = 0;\n' +
        table('Names of map types', mapRows, 'BPF_MAP_TYPE_NAMES') +
        `\n/** The Linux version that introduced each map type. */\nexport const BPF_MAP_TYPE_SINCE: Readonly<Record<number, string>> = {\n` +
        maps.maps.map((row) => `  ${row.id}: '${since(row.since)}',`).join('\n') +
        `\n};\n\n${flagLines.join('\n')}\n`,
    },
    {
      path: `${dir}/prog-types.ts`,
      text: generatedHeader + table('Names of program types', progRows, 'BPF_PROG_TYPE_NAMES'),
    },
    {
      path: `${dir}/attach-types.ts`,
      text: generatedHeader + table('Names of attach types', attachRows, 'BPF_ATTACH_TYPE_NAMES'),
    },
    {
      path: `${dir}/helper-ids.ts`,
      text:
        generatedHeader +
        table('Names of helper functions', helperRows, 'BPF_FUNC_NAMES') +
        `\n/** One more than the highest helper id of Linux v5.6. */\nexport const __BPF_FUNC_MAX_ID_5_6 = ${helpers.length};\n`,
    },
  ];

  const layout = (fields: Field[]): string =>
    fields
      .map(
        (f) => `    { name: '${strip(f.name)}', off: ${f.off}, size: ${f.size}${f.bits ? `, bits: ${f.bits}` : ''} },`,
      )
      .join('\n');
  const groups = Object.entries(attr.attr_groups_v5_6)
    .map(([name, g]) => `  ${name}: {\n   size: ${g.struct_size},\n   fields: [\n${layout(g.fields)}\n   ],\n  },`)
    .join('\n');
  const infos = Object.entries(attr.info_structs.v5_6)
    .map(([name, g]) => `  ${name}: {\n   size: ${g.size},\n   fields: [\n${layout(g.fields)}\n   ],\n  },`)
    .join('\n');
  const lastFields = attr.commands
    .filter((row) => row.last_field_5_6 !== null)
    .map((row) => `  ${row.cmd}: { group: '${row.attr_group}', lastField: '${strip(row.last_field_5_6 ?? '')}' },`)
    .join('\n');
  files.push({
    path: `${dir}/attr-layout.ts`,
    text:
      generatedHeader +
      `import type { StructLayout } from '../layout.ts';\n\n` +
      `/** Bytes of \`union bpf_attr\` in Linux v5.6. */\nexport const BPF_ATTR_SIZE_5_6 = ${attr.meta.v5_6_union_size};\n\n` +
      `/** The members of \`union bpf_attr\`, by group. */\nexport const BPF_ATTR_GROUPS = {\n${groups}\n} as const satisfies Record<string, StructLayout>;\n\n` +
      `/** Each v5.6 command's group and the last field CHECK_ATTR lets be non-zero. */\n` +
      `export const BPF_CMD_ATTRS: Readonly<Record<number, { group: keyof typeof BPF_ATTR_GROUPS; lastField: string }>> = {\n${lastFields}\n};\n\n` +
      `/** Structures that BPF_OBJ_GET_INFO_BY_FD fills. */\nexport const BPF_INFO_LAYOUTS = {\n${infos}\n} as const satisfies Record<string, StructLayout>;\n`,
  });
  return files;
}
