// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { PackageInfo } from '../workspace.ts';
import { describePackages } from './describe.ts';
import { lineDiff } from './line-diff.ts';

describe('lineDiff', () => {
  const rows: [before: string, after: string, expected: string[]][] = [
    ['a\nb', 'a\nb', []],
    ['a\nb\nc', 'a\nc', ['-b']],
    ['a\nc', 'a\nb\nc', ['+b']],
    ['a\nb\nc', 'a\nx\nc', ['-b', '+x']],
    ['', 'a', ['-', '+a']],
    ['a\nb\nc\nd', 'b\nd\ne', ['-a', '-c', '+e']],
  ];
  test.each(rows)('%j to %j', (before, after, expected) => {
    expect(lineDiff(before, after)).toEqual(expected);
  });
});

describe('describePackages', () => {
  const root = mkdtempSync(join(tmpdir(), 'tsbpf-api-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  function pkg(dir: string, files: Record<string, string>): PackageInfo {
    const path = join(root, 'node_modules', `@tsbpf/${dir}`);
    const entry = (name: string) => ({ types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` });
    const json = { name: `@tsbpf/${dir}`, version: '1.0.0', type: 'module', exports: { '.': entry('index'), './internal/*': null } };
    for (const [name, text] of Object.entries({ 'package.json': JSON.stringify(json), ...files })) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), text);
    }
    return { dir, path, json };
  }

  test('sorts, follows re-exports, drops comments and private members', () => {
    const low = pkg('low', { 'dist/index.d.ts': 'export declare const Z: 1;\n/** Doc. */\nexport interface A {\n    /** x */\n    x: number;\n}\n' });
    const high = pkg('high', {
      'dist/index.d.ts': `export { A, Z as Y } from '@tsbpf/low';\nexport { f } from './f.js';\nexport type { C } from './f.js';\n`,
      'dist/f.d.ts':
        'export declare function f(a: string): void;\nexport declare function f(a: number): void;\n' +
        'export declare class C {\n    #private;\n    private secret;\n    readonly open: bigint;\n}\n',
    });
    const empty = pkg('empty', { 'dist/index.d.ts': 'export {};\n' });
    const listings = describePackages([low, high, empty]);
    const head = (name: string) => `# @tsbpf/${name}: public API. \`pnpm api:bless\` rewrites this file.\n\n## .\n`;
    expect(listings.get('low')).toBe(`${head('low')}interface A {\n    x: number;\n}\nconst Z: 1\n`);
    expect(listings.get('high')).toBe(
      `${head('high')}export { A } from @tsbpf/low\nclass C {\n    readonly open: bigint;\n}\n` +
        'export { Y = Z } from @tsbpf/low\nfunction f(a: string): void;\nfunction f(a: number): void;\n',
    );
    expect(listings.get('empty')).toBe(`${head('empty')}(exports nothing)\n`);
  });
});
