// SPDX-License-Identifier: MIT
// Which helpers that have a body are tested, and for which errno: by what the test files name.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../../packages', import.meta.url));
/** Names every helper, and runs none. */
const NOT_A_TEST = /helper-matrix|rows\.test|helper-mocks/;

export interface Listed {
  readonly helper: string;
  /** Test files that name it. */
  readonly files: readonly string[];
  /** Errno that none of them names. */
  readonly missing: readonly string[];
}

export interface HelperToTest {
  readonly name: string;
  readonly variants: readonly string[];
  /** Its number, as assembly in tests has it. */
  readonly id: number;
}

interface TestFile {
  readonly path: string;
  readonly text: string;
  /** Names that are put together: what `bpf_tcp_${what}_syncookie` may come to. */
  readonly made: readonly RegExp[];
}

/** Test files of all packages, without the lines that only import. */
export function testFiles(): TestFile[] {
  return readdirSync(PACKAGES, { recursive: true, encoding: 'utf8' })
    .filter((path) => /^[a-z-]+\/src\/.*\.test\.ts$/.test(path) && !NOT_A_TEST.test(path))
    .map((path) => testFile(path, readFileSync(`${PACKAGES}/${path}`, 'utf8')));
}

/** A test file by its text. */
export function testFile(path: string, source: string): TestFile {
  const text = source.replace(/^import[\s\S]*?from '[^']*';$/gm, '');
  const made = [...text.matchAll(/`(bpf_[a-z0-9_]*\$\{[^`]*)`/g)].map(
    ([, name = '']) => new RegExp(`^${name.replace(/\$\{[^}]*\}/g, '[a-z0-9_]+')}$`),
  );
  return { path, text, made };
}

/** What the files say of the helpers. */
export function listing(
  helpers: readonly HelperToTest[],
  errnos: Readonly<Record<string, readonly string[]>>,
  files: readonly TestFile[],
): Listed[] {
  return helpers.map(({ name, variants, id }) => {
    const names = [name, ...variants].join('|');
    const called = new RegExp(`\\b(?:bpf_)?(?:${names})\\b|(?:\\b|\\\\n)call ${id}\\b|callHelper\\(${id}\\)`);
    const naming = files.filter(
      ({ text, made }) => called.test(text) || made.some((one) => variants.some((v) => one.test(v))),
    );
    const missing = (errnos[name] ?? []).filter(
      (errno) => !naming.some(({ text }) => new RegExp(`\\b${errno}\\b`).test(text)),
    );
    return { helper: name, files: naming.map(({ path }) => path), missing };
  });
}
