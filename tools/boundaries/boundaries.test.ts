// SPDX-License-Identifier: MIT
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseImports } from './imports.ts';
import { checkWorkspace } from './rules.ts';
import { checkTable, readTable, type LayerRow, type LayerTable } from './table.ts';
import { sourceFile, type Manifest, type Workspace } from './workspace.ts';

const table: LayerTable = {
  packages: {
    uapi: { layer: 0, mayImport: [] },
    core: { layer: 2, mayImport: ['uapi'] },
    maps: { layer: 3, mayImport: ['uapi', 'core'] },
    verifier: { layer: 3, mayImport: ['uapi', 'core'] },
    net: { layer: 4, mayImport: ['uapi', 'core', 'maps'] },
    loader: { layer: 5, mayImport: ['uapi'] },
    host: { layer: 5, mayImport: ['uapi'], thirdParty: ['koffi'], node: true },
    testkit: { layer: 6, mayImport: ['uapi', 'core', 'maps'] },
  },
  tests: { packages: ['testkit'], rootOnlyPackages: ['host'], thirdParty: ['vitest', 'fast-check'] },
  islands: [{ dir: 'packages/verifier/src/scalar', mayImport: ['@tsbpf/uapi'] }],
  neverReach: [{ from: 'loader', packages: ['core'], layers: [3, 4] }],
  maxLines: 10,
};

interface Change {
  /** Path below the root → text; the SPDX line is put in front unless the text brings a first line of its own. */
  files?: Record<string, string>;
  manifests?: Record<string, Partial<Manifest>>;
  references?: Record<string, string[]>;
  rows?: Record<string, Partial<LayerRow>>;
  bare?: boolean;
  unused?: boolean;
}

/** A workspace where each package declares all it may import; then the change. */
function findings(change: Change): string[] {
  const packages = Object.entries(table.packages).map(([dir, row]) => ({
    dir,
    manifest: {
      name: `@tsbpf/${dir}`,
      exports: { '.': {}, './rows': {}, './internal/*': null },
      dependencies: Object.fromEntries(
        [...row.mayImport.map((d) => `@tsbpf/${d}`), ...(row.thirdParty ?? [])].map((n) => [n, '*']),
      ),
      ...change.manifests?.[dir],
    },
    references: change.references?.[dir] ?? row.mayImport,
    files: [] as ReturnType<typeof sourceFile>[],
  }));
  const workspace: Workspace = { packages, loose: [] };
  for (const [path, text] of Object.entries(change.files ?? {})) {
    const file = sourceFile(path, change.bare === true ? text : `// SPDX-License-Identifier: MIT\n${text}\n`);
    (packages.find((p) => path.startsWith(`packages/${p.dir}/`))?.files ?? workspace.loose).push(file);
  }
  const rows = Object.entries(table.packages).map(([dir, row]) => [dir, { ...row, ...change.rows?.[dir] }] as const);
  return checkWorkspace(
    workspace,
    { ...table, packages: Object.fromEntries(rows) },
    { unused: change.unused ?? false },
  );
}

const one = (path: string, text: string): Change => ({ files: { [path]: text } });

/** Expected: nothing, or one finding that contains the text. */
const cases: [name: string, change: Change, expected: string | undefined][] = [
  ['an allowed import', one('packages/maps/src/a.ts', `import { x } from '@tsbpf/core';`), undefined],
  ['an entry point', one('packages/net/src/a.ts', `import { x } from '@tsbpf/maps/rows';`), undefined],
  [
    'an import that goes up',
    one('packages/core/src/a.ts', `import { x } from '@tsbpf/maps';`),
    'core (L2) may not import @tsbpf/maps (L3)',
  ],
  [
    'peers of layer 3',
    one('packages/maps/src/a.ts', `import { x } from '@tsbpf/verifier';`),
    'maps (L3) may not import @tsbpf/verifier (L3)',
  ],
  [
    'types are imports too',
    one('packages/maps/src/a.ts', `import type { X } from '@tsbpf/verifier';`),
    'may not import @tsbpf/verifier',
  ],
  [
    'import() in a type',
    one('packages/maps/src/a.ts', `export type X = import('@tsbpf/verifier').X;`),
    'packages/maps/src/a.ts:2: maps',
  ],
  [
    'import() of a value',
    one('packages/maps/src/a.ts', `await import('@tsbpf/verifier');`),
    'may not import @tsbpf/verifier',
  ],
  [
    'a re-export',
    one('packages/maps/src/a.ts', `export { x } from '@tsbpf/verifier';`),
    'may not import @tsbpf/verifier',
  ],
  [
    'a deep import',
    one('packages/maps/src/a.ts', `import { x } from '@tsbpf/core/src/a.ts';`),
    'is not an entry point of @tsbpf/core',
  ],
  [
    'a closed entry point',
    one('packages/maps/src/a.ts', `import { x } from '@tsbpf/core/internal/*';`),
    'is not an entry point of @tsbpf/core',
  ],
  [
    'a relative path out of the package',
    one('packages/maps/src/a.ts', `import { x } from '../../core/src/a.ts';`),
    'leaves the package',
  ],
  [
    'the same from a test',
    one('packages/maps/src/a.test.ts', `import { x } from '../../core/src/a.ts';`),
    'leaves the package',
  ],
  ['an ending forgotten', one('packages/maps/src/a.ts', `import { x } from './b';`), `write the file's ending: ./b.ts`],
  ['a .js ending', one('packages/maps/src/a.ts', `import { x } from './b.js';`), 'relative imports end in .ts: ./b.ts'],
  [
    'a source that imports a test',
    one('packages/maps/src/a.ts', `import { x } from './b.test.ts';`),
    'must not import a test',
  ],
  [
    'an import of itself by name',
    one('packages/maps/src/a.ts', `import { x } from '@tsbpf/maps';`),
    'by relative path',
  ],
  ['the same from a test', one('packages/maps/src/a.test.ts', `import { x } from '@tsbpf/maps';`), undefined],
  [
    'an undeclared import',
    { ...one('packages/maps/src/a.ts', `import '@tsbpf/core';`), manifests: { maps: { dependencies: {} } } },
    'add "@tsbpf/core": "workspace:^" to dependencies of packages/maps',
  ],
  [
    'the same from a test',
    { ...one('packages/maps/src/a.test.ts', `import '@tsbpf/core';`), manifests: { maps: { dependencies: {} } } },
    'to devDependencies of packages/maps',
  ],
  [
    'a test with a development dependency',
    {
      ...one('packages/maps/src/a.test.ts', `import '@tsbpf/core';`),
      manifests: { maps: { dependencies: {}, devDependencies: { '@tsbpf/core': '*' } } },
    },
    undefined,
  ],
  [
    'a forbidden development dependency',
    { manifests: { maps: { devDependencies: { '@tsbpf/verifier': '*' } } } },
    'remove the dependency @tsbpf/verifier',
  ],
  [
    'a missing reference',
    { ...one('packages/maps/src/a.ts', `import '@tsbpf/core';`), references: { maps: ['uapi'] } },
    'tsconfig.json: add { "path": "../core" }',
  ],
  [
    'a forbidden dependency',
    { manifests: { maps: { dependencies: { '@tsbpf/verifier': '*' } } } },
    'remove the dependency @tsbpf/verifier',
  ],
  ['a forbidden reference', { references: { maps: ['verifier'] } }, 'remove the reference to ../verifier'],
  [
    'a test with the test kit',
    one('packages/maps/src/a.test.ts', `import '@tsbpf/testkit'; import 'vitest'; import 'node:fs';`),
    undefined,
  ],
  [
    'a source with the test kit',
    one('packages/maps/src/a.ts', `import '@tsbpf/testkit';`),
    'may not import @tsbpf/testkit',
  ],
  [
    'a test of a peer',
    one('packages/maps/src/a.test.ts', `import '@tsbpf/verifier';`),
    'may not import @tsbpf/verifier',
  ],
  ['host in a test', one('packages/maps/src/a.test.ts', `import '@tsbpf/host';`), 'may not import @tsbpf/host'],
  ['host in a root test', one('packages/maps/src/a.root.test.ts', `import '@tsbpf/host';`), undefined],
  [
    'a library in a test',
    one('packages/maps/src/a.test.ts', `import 'lodash';`),
    'tests may import vitest, fast-check, not lodash',
  ],
  [
    'a library in a source',
    one('packages/maps/src/a.ts', `import 'fast-check';`),
    'maps (L3) may not depend on fast-check',
  ],
  ['a granted library', one('packages/host/src/a.ts', `import koffi from 'koffi';`), undefined],
  [
    'a library in package.json',
    { manifests: { uapi: { dependencies: { lodash: '1' } } } },
    'remove the dependency lodash',
  ],
  [
    'a Node built-in',
    one('packages/maps/src/a.ts', `import { readFileSync } from 'node:fs';`),
    'maps must run in browsers: no node:fs',
  ],
  ['a Node built-in without its scheme', one('packages/maps/src/a.ts', `import 'fs/promises';`), 'no fs/promises'],
  ['a Node built-in where granted', one('packages/host/src/a.ts', `import 'node:fs';`), undefined],
  [
    'the scalar island, at home',
    {
      files: {
        'packages/verifier/src/scalar/a.ts': `import './b.ts'; import '@tsbpf/uapi';`,
        'packages/verifier/src/scalar/a.test.ts': `import 'vitest';`,
      },
    },
    undefined,
  ],
  [
    'the scalar island, abroad',
    one('packages/verifier/src/scalar/a.ts', `import '../state/reg.ts';`),
    'may import only itself and @tsbpf/uapi, not ../state/reg.ts',
  ],
  ['the scalar island and core', one('packages/verifier/src/scalar/a.ts', `import '@tsbpf/core';`), 'not @tsbpf/core'],
  [
    'a cycle',
    {
      files: { 'packages/maps/src/a.ts': `import './b.ts';`, 'packages/maps/src/b.ts': `export { x } from './a.ts';` },
    },
    'packages/maps/src/a.ts -> packages/maps/src/b.ts -> packages/maps/src/a.ts',
  ],
  [
    'a longer cycle',
    {
      files: {
        'packages/maps/src/a.ts': `import './b.ts';`,
        'packages/maps/src/b.ts': `import './c/c.ts';`,
        'packages/maps/src/c/c.ts': `import '../a.ts';`,
      },
    },
    'in a circle',
  ],
  [
    'a cycle of types',
    {
      files: {
        'packages/maps/src/a.ts': `import type { X } from './b.ts';`,
        'packages/maps/src/b.ts': `import './a.ts';`,
      },
    },
    undefined,
  ],
  [
    'a missing SPDX line',
    { ...one('packages/maps/src/a.ts', `export {};`), bare: true },
    'a.ts:1: put the SPDX line first',
  ],
  ['SPDX after #!', { ...one('tools/a.sh', `#!/bin/sh\n# SPDX-License-Identifier: MIT\n`), bare: true }, undefined],
  ['SPDX in C', { ...one('examples/a.bpf.c', `/* SPDX-License-Identifier: MIT */\n`), bare: true }, undefined],
  ['as many lines as allowed', one('packages/maps/src/a.ts', 'x;\n'.repeat(9).trimEnd()), undefined],
  ['a line too many', one('packages/maps/src/a.ts', 'x;\n'.repeat(10).trimEnd()), '11 lines; the limit is 10'],
  ['a generated file', one('packages/maps/src/generated/a.ts', 'x;\n'.repeat(20)), undefined],
  ['utils.ts', one('packages/maps/src/utils.ts', ''), 'name the file after its subject'],
  [
    'an unused dependency',
    {
      unused: true,
      files: {
        'packages/maps/src/a.ts': `import '@tsbpf/core';`,
        'packages/net/src/a.ts': `import '@tsbpf/core'; import '@tsbpf/uapi'; import '@tsbpf/maps';`,
      },
      manifests: {
        core: { dependencies: {} },
        verifier: { dependencies: {} },
        loader: { dependencies: {} },
        host: { dependencies: {} },
        testkit: { dependencies: {} },
      },
      references: { core: [], verifier: [], loader: [], host: [], testkit: [] },
    },
    'packages/maps/package.json: declared, but no source imports it: @tsbpf/uapi, ../uapi',
  ],
];

describe('boundaries', () => {
  test.each(cases)('%s', (_name, change, expected) => {
    const found = findings(change);
    if (expected === undefined) expect(found).toEqual([]);
    else {
      expect(found.join('\n')).toContain(expected);
      expect(found).toHaveLength(1);
    }
  });

  test('loader must not reach core through another package', () => {
    const found = findings({ files: { 'packages/uapi/src/a.ts': `import '@tsbpf/core';` } });
    expect(found).toContain('packages/loader: must never reach core, but does: loader -> uapi -> core');
  });

  test('a package without a row', () => {
    const workspace: Workspace = {
      packages: [{ dir: 'new', manifest: { name: '@tsbpf/new' }, references: [], files: [] }],
      loose: [],
    };
    const found = checkWorkspace(workspace, { ...table, packages: {}, neverReach: [] }, { unused: false });
    expect(found).toEqual([
      'packages/new/package.json: packages/new is not in tools/boundaries/layers.json; give it a layer',
    ]);
  });
});

describe('the table', () => {
  const rows: [Record<string, LayerRow>, string][] = [
    [{ a: { layer: 1, mayImport: ['b'] } }, 'a may import b, which is not in the table'],
    [{ a: { layer: 1, mayImport: ['b'] }, b: { layer: 2, mayImport: [] } }, 'may not import up'],
    [{ a: { layer: 3, mayImport: ['b'] }, b: { layer: 3, mayImport: [] } }, 'they must meet in core'],
    [{ a: { layer: 4, mayImport: ['b'] }, b: { layer: 4, mayImport: ['a'] } }, 'imports must not go round'],
    [{ a: { layer: 4, mayImport: [], thirdParty: ['x'] } }, 'layers 0 to 4 have no third-party dependency'],
  ];
  test.each(rows)('%j', (packages, expected) => {
    expect(checkTable({ ...table, packages }).join('\n')).toContain(expected);
  });

  test('ours is sound', () => {
    expect(checkTable(readTable(resolve(fileURLToPath(new URL('.', import.meta.url)), 'layers.json')))).toEqual([]);
  });
});

describe('parseImports', () => {
  const rows: [text: string, specifier: string, typeOnly: boolean][] = [
    [`import a from 'm';`, 'm', false],
    [`import * as a from 'm';`, 'm', false],
    [`import 'm';`, 'm', false],
    [`import type { A } from 'm';`, 'm', true],
    [`import { type A, type B } from 'm';`, 'm', true],
    [`import { type A, b } from 'm';`, 'm', false],
    [`export type { A } from 'm';`, 'm', true],
    [`export * from 'm';`, 'm', false],
    [`const x = () => import('m');`, 'm', false],
    [`function f() { return require('m'); }`, 'm', false],
    [`let x: typeof import('m');`, 'm', true],
  ];
  test.each(rows)('%s', (text, specifier, typeOnly) => {
    expect(parseImports('a.ts', text)).toEqual([{ specifier, typeOnly, line: 1 }]);
  });

  test('text that only looks like an import', () => {
    expect(parseImports('a.ts', `// import 'a';\nconst s = "import 'b'";\nobj.require('c');`)).toEqual([]);
  });
});
