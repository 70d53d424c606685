// SPDX-License-Identifier: MIT
// What is needed of Debian's package linux-source-6.1, unpacked, built and kept in a cache outside the repository:
// nothing of the package is ever committed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENOENT, UsageError } from '../../packages/uapi/src/index.ts';

const TARBALL = process.env['TSBPF_LINUX_SOURCE'] ?? '/usr/src/linux-source-6.1.tar.xz';
const CLANG = process.env['CLANG'] ?? 'clang-16';
const ROOT_IN_TARBALL = 'linux-source-6.1';
const SELFTESTS = 'tools/testing/selftests/bpf';
const HERE = dirname(fileURLToPath(import.meta.url));
const HARNESS = join(HERE, 'harness.c');

/** Why nothing can be built here; undefined where it can. */
export function whyNoSource(): string | undefined {
  if (!existsSync(TARBALL)) return `${TARBALL} is not there (apt-get install linux-source-6.1)`;
  if (!existsSync('/usr/include/bpf/libbpf.h')) return 'libbpf is not there (apt-get install libbpf-dev)';
  for (const tool of ['cc', CLANG, 'bpftool']) {
    try {
      execFileSync(tool, [tool === 'bpftool' ? 'version' : '--version'], { stdio: 'ignore' });
    } catch {
      return `there is no ${tool}`;
    }
  }
  return undefined;
}

function cacheDir(): string {
  const tarball = statSync(TARBALL);
  const key = createHash('sha256').update(`${TARBALL} ${tarball.size} ${tarball.mtimeMs}`).digest('hex').slice(0, 16);
  return join(process.env['TSBPF_SELFTESTS_CACHE'] ?? join(tmpdir(), 'tsbpf-selftests'), `hooks-${key}`);
}

/** Makes a file in the cache where it is not there; two processes may do so at once. */
function cached(name: string, make: (path: string) => void): string {
  const path = join(cacheDir(), name);
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  try {
    make(fresh);
    renameSync(fresh, path);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return path;
}

/** The unpacked tree. @throws UsageError where something is missing */
function tree(): string {
  const why = whyNoSource();
  if (why !== undefined) throw new UsageError(`No hook tests: ${why}`, { errno: ENOENT });
  return cached('tree-2', (path) => {
    mkdirSync(path);
    const members = [SELFTESTS, 'tools/include', 'tools/arch'].map((member) => `${ROOT_IN_TARBALL}/${member}`);
    execFileSync('tar', ['-xJf', TARBALL, '-C', path, '--strip-components=1', ...members]);
  });
}

export const SUITES = ['sysctl', 'sock', 'sock_addr', 'sockopt'] as const;
export type Suite = (typeof SUITES)[number];

/** The program that prints or runs a suite's table. */
export function harnessOf(suite: Suite): string {
  const key = createHash('sha256').update(readFileSync(HARNESS)).digest('hex').slice(0, 16);
  return cached(`harness-${suite}-${key}`, (path) => {
    const root = tree();
    const include = [SELFTESTS, 'tools/testing/selftests', 'tools/include', 'tools/include/uapi'];
    const flags = include.map((dir) => `-I${join(root, dir)}`);
    // What is named by functions that never run is nowhere.
    const link = ['-no-pie', '-Wl,--unresolved-symbols=ignore-all', '-o', path, '-lbpf', '-lelf', '-lz'];
    const define = `-DSUITE_${suite.toUpperCase()}`;
    execFileSync('cc', ['-O0', '-w', '-D_GNU_SOURCE', define, ...flags, HARNESS, ...link], { stdio: 'pipe' });
  });
}

/** The lines of a suite's table. */
export function tableOf(suite: Suite): readonly Record<string, unknown>[] {
  const harness = harnessOf(suite);
  const lines = execFileSync(harness, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 });
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The path of an object of the tree's `progs`, compiled: `bind4_prog`. */
export function objectOf(name: string): string {
  return cached(join('objects', `${name}.bpf.o`), (path) => {
    const root = tree();
    const vmlinux = cached(join('include', 'vmlinux.h'), (header) => {
      const args = ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c'];
      writeFileSync(header, execFileSync('bpftool', args, { maxBuffer: 1 << 26 }));
    });
    const arch = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
    // Headers of ours come before the tree's.
    const include = [join(HERE, 'include'), dirname(vmlinux), join(root, SELFTESTS), join(root, 'tools/include/uapi')];
    const flags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', '-D__TARGET_ARCH_x86', '-D__x86_64__', '-w'];
    const system = ['/usr/include', `/usr/include/${arch}-linux-gnu`];
    const dirs = [...include, ...system].map((dir) => `-I${dir}`);
    const source = join(root, SELFTESTS, 'progs', `${name}.c`);
    execFileSync(CLANG, [...flags, ...dirs, '-c', source, '-o', path], { stdio: 'pipe' });
  });
}

/** The folder that `objectOf` compiles to. */
export function objectsDir(): string {
  return dirname(objectOf('bind4_prog'));
}
