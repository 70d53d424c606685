// SPDX-License-Identifier: MIT
// Generates the expectations of the helper × program type matrix test: straight from the reference, apart from the
// tables that the program types themselves are generated from.
import { generatedHeader, readReference, type GeneratedFile } from './reference.ts';

interface HelpersJson {
  helpers: {
    id: number;
    name: string;
    protos: {
      args: string[];
      gpl_only: boolean;
      prog_types: { prog_type: string; condition?: string[] }[];
    }[];
    acquires_reference: boolean;
    requires_map_type?: string | string[];
  }[];
}

export function generateHelperMatrix(): GeneratedFile[] {
  const { helpers } = readReference<HelpersJson>('programs/helpers.json');
  const rows = helpers.flatMap(({ id, name, protos, acquires_reference, requires_map_type }) => {
    const mapTypes = [requires_map_type ?? []].flat().map((type) => type.replace(/^BPF_MAP_TYPE_/, ''));
    const head = `id: ${id}, name: '${name}', acquiresRef: ${acquires_reference}, mapTypes: ${JSON.stringify(mapTypes)}`;
    const cells = protos.flatMap(({ args, gpl_only, prog_types }) =>
      prog_types.map(({ prog_type, condition = [] }) => {
        const parts = [`type: '${prog_type}'`, `args: '${args.filter((arg) => arg !== 'ARG_DONTCARE').join(' ')}'`];
        if (gpl_only) parts.push('gplOnly: true');
        if (condition.includes('CAP_SYS_ADMIN at load')) parts.push('sysAdmin: true');
        const attach = condition.find((text) => text.startsWith('expected_attach_type in'));
        if (attach !== undefined)
          parts.push(`attach: ${JSON.stringify(attach.replace(/^.*\{(.*)\}$/, '$1').split(', '))}`);
        return `      { ${parts.join(', ')} },`;
      }),
    );
    return [`  {`, `    ${head},`, `    cells: [`, ...cells, `    ],`, `  },`];
  });
  return [
    {
      path: 'packages/tsbpf/test/generated/helper-matrix.ts',
      text: `${generatedHeader}
/** Where Linux v5.6 lets a helper be called: by programs of a type, under what condition. */
export interface MatrixCell {
  readonly type: string;
  /** Argument classes, apart by spaces. */
  readonly args: string;
  readonly gplOnly?: boolean;
  /** Only with CAP_SYS_ADMIN. */
  readonly sysAdmin?: boolean;
  /** Only with one of these expected attach types, without BPF_CGROUP_. */
  readonly attach?: readonly string[];
}

export interface MatrixRow {
  readonly id: number;
  readonly name: string;
  readonly acquiresRef: boolean;
  /** Types of map that the helper takes; empty for any that are not reserved to others. */
  readonly mapTypes: readonly string[];
  readonly cells: readonly MatrixCell[];
}

// prettier-ignore
export const HELPER_MATRIX: readonly MatrixRow[] = [
${rows.join('\n')}
];
`,
    },
  ];
}
