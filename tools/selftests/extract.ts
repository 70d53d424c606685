// SPDX-License-Identifier: MIT
// Makes the case table from Debian's package linux-source-6.1, in a cache outside the repository: nothing of the
// package is ever committed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENOENT, UsageError } from '../../packages/uapi/src/index.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const TARBALL = process.env['TSBPF_LINUX_SOURCE'] ?? '/usr/src/linux-source-6.1.tar.xz';
const ROOT_IN_TARBALL = 'linux-source-6.1';
const NEEDED = ['tools/testing/selftests/bpf', 'tools/include', 'tools/lib', 'tools/arch'];
const SELFTESTS = 'tools/testing/selftests/bpf';
const FILE_MARKER = '\\001';

/** Where the cases are cached. */
export function cacheDir(): string {
  return process.env['TSBPF_SELFTESTS_CACHE'] ?? join(tmpdir(), 'tsbpf-selftests');
}

/** Why cases cannot be made here; undefined where they can. */
export function whyNoCases(): string | undefined {
  if (!existsSync(TARBALL)) return `${TARBALL} is not there (apt-get install linux-source-6.1)`;
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no C compiler (cc)';
  }
}

/** What the cases need of the package, unpacked once for all that is made of it. */
export function linuxTree(): string {
  const { size, mtimeMs } = statSync(TARBALL);
  const key = createHash('sha256').update(`${TARBALL} ${size} ${mtimeMs} ${NEEDED.join()}`).digest('hex');
  const tree = join(cacheDir(), `tree-${key.slice(0, 16)}`);
  if (existsSync(tree)) return tree;
  const work = join(cacheDir(), `unpack-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    const members = NEEDED.map((path) => `${ROOT_IN_TARBALL}/${path}`);
    execFileSync('tar', ['-xJf', TARBALL, '-C', work, '--strip-components=1', ...members]);
    renameSync(work, tree);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return tree;
}

/**
 * The path of the table as JSON lines, making it first where the cache has none of this package and harness.
 *
 * @throws UsageError where the package or a C compiler is missing.
 */
export function extractCases(): string {
  const why = whyNoCases();
  if (why !== undefined) throw new UsageError(`No test_verifier cases: ${why}`, { errno: ENOENT });
  const harness = join(HERE, 'harness.c');
  const tarball = statSync(TARBALL);
  const key = createHash('sha256')
    .update(readFileSync(harness))
    .update(`${TARBALL} ${tarball.size} ${tarball.mtimeMs}`)
    .digest('hex')
    .slice(0, 16);
  const cases = join(cacheDir(), `cases-${key}.jsonl`);
  if (existsSync(cases)) return cases;

  const work = join(cacheDir(), `work-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    const output = join(work, 'cases.jsonl');
    buildTable(linuxTree(), { harness, output, work });
    renameSync(output, cases);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return cases;
}

function buildTable(tree: string, at: { harness: string; output: string; work: string }): void {
  const selftests = join(tree, SELFTESTS);
  writeFileSync(join(selftests, 'verifier', 'tests.h'), testsHeader(readdirSync(join(selftests, 'verifier'))));
  const include = [selftests, 'tools/testing/selftests', 'tools/lib', 'tools/include', 'tools/include/uapi'];
  const flags = include.map((path) => `-I${path.startsWith('/') ? path : join(tree, path)}`);
  const binary = join(at.work, 'dump');
  // libbpf and libcap are named by functions that never run.
  const link = ['-no-pie', '-Wl,--unresolved-symbols=ignore-all', '-o', binary];
  execFileSync('cc', ['-O0', '-w', '-D_GNU_SOURCE', ...flags, at.harness, ...link], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const fd = openSync(at.output, 'w');
  try {
    execFileSync(binary, { stdio: ['ignore', fd, 'inherit'] });
  } finally {
    closeSync(fd);
  }
}

/** What the table includes: every file in byte order, as the kernel's build does, each after a marker with its name. */
export function testsHeader(names: readonly string[]): string {
  const files = names.filter((name) => name.endsWith('.c')).sort();
  return files.map((name) => `{ .descr = "${FILE_MARKER}" "${name}" },\n#include "${name}"\n`).join('');
}
