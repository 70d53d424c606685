// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { closure, isEmpty, publishablePackages } from './workspace.ts';

const root = mkdtempSync(join(tmpdir(), 'tsbpf-workspace-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function add(dir: string, json: object, index: string): void {
  mkdirSync(join(root, 'packages', dir, 'src'), { recursive: true });
  writeFileSync(join(root, 'packages', dir, 'package.json'), JSON.stringify({ version: '1.0.0', ...json }));
  writeFileSync(join(root, 'packages', dir, 'src/index.ts'), index);
}

test('publishable packages, what each brings, and which are empty', () => {
  add(
    'c',
    { name: 'c', dependencies: { b: '*', other: '1' }, optionalDependencies: { a: '*' } },
    `export const c = 1;\n`,
  );
  add('b', { name: 'b', dependencies: { a: '*' } }, `// SPDX-License-Identifier: MIT\nexport {};\n`);
  add('a', { name: 'a' }, `// SPDX-License-Identifier: MIT\n`);
  add('z', { name: 'z', private: true }, '');
  const all = publishablePackages(root);
  expect(all.map((pkg) => [pkg.dir, isEmpty(pkg)])).toEqual([
    ['a', true],
    ['b', true],
    ['c', false],
  ]);
  expect(closure(all[2]!, all).map((pkg) => pkg.dir)).toEqual(['a', 'b', 'c']);
});
