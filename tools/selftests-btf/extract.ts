// SPDX-License-Identifier: MIT
// Makes the tables of BTF and alignment cases from Debian's package linux-source-6.1, in a cache outside the
// repository: nothing of the package is ever committed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENOENT, UsageError } from '../../packages/uapi/src/index.ts';
import { cacheDir, linuxTree, whyNoCases } from '../selftests/extract.ts';

export { whyNoCases };

const HERE = dirname(fileURLToPath(import.meta.url));
const SELFTESTS = 'tools/testing/selftests/bpf';
const HARNESSES = ['btf', 'align'] as const;
/** C dumps: sources that say in a comment what is expected of them. */
const DUMPS = /^btf_dump_test_case_\w+\.c$/;

/** Where the tables are. */
export interface ExtractedTables {
  /** JSON lines. */
  readonly btf: string;
  readonly align: string;
  /** A directory of C sources. */
  readonly dumps: string;
}

/**
 * The paths of the tables, making them first where the cache has none of this package and these harnesses.
 *
 * @throws UsageError where the package or a C compiler is missing.
 */
export function extractTables(): ExtractedTables {
  const why = whyNoCases();
  if (why !== undefined) throw new UsageError(`No BTF cases: ${why}`, { errno: ENOENT });
  const sources = [...HARNESSES.map((name) => `${name}-harness.c`), 'print.h'].map((name) => join(HERE, name));
  const tree = linuxTree();
  const hash = createHash('sha256').update(tree);
  for (const source of sources) hash.update(readFileSync(source));
  const made = join(cacheDir(), `btf-${hash.digest('hex').slice(0, 16)}`);
  const tables = { btf: join(made, 'btf.jsonl'), align: join(made, 'align.jsonl'), dumps: join(made, 'dumps') };
  if (existsSync(made)) return tables;

  const work = join(cacheDir(), `work-btf-${process.pid}`);
  const output = join(work, 'made');
  mkdirSync(join(output, 'dumps'), { recursive: true });
  try {
    for (const name of HARNESSES) writeFileSync(join(output, `${name}.jsonl`), runHarness(tree, name, work));
    const progs = join(tree, SELFTESTS, 'progs');
    const names = readdirSync(progs).filter((name) => DUMPS.test(name));
    for (const name of names) copyFileSync(join(progs, name), join(output, 'dumps', name));
    renameSync(output, made);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return tables;
}

function runHarness(tree: string, name: string, work: string): string {
  const paths = [SELFTESTS, 'tools/testing/selftests', 'tools/lib', 'tools/include', 'tools/include/uapi'];
  const include = paths.map((path) => `-I${join(tree, path)}`);
  const binary = join(work, name);
  const source = join(HERE, `${name}-harness.c`);
  // libbpf and the runner of the tests are named by functions that never run.
  const link = ['-no-pie', '-Wl,--unresolved-symbols=ignore-all', '-o', binary];
  execFileSync('cc', ['-O0', '-w', '-D_GNU_SOURCE', ...include, source, ...link], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return execFileSync(binary, { encoding: 'utf8', maxBuffer: 1 << 28 });
}
