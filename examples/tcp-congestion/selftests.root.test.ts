// SPDX-License-Identifier: MIT
// Linux's own congestion controls in BPF, as linux-source-6.1 has them, call kernel functions, which v5.6 knows nothing
// of: they open, and v5.6 says what is wrong with them. Nothing of the package is committed: it is unpacked into a cache.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createKernel, openObject, VerifierError } from 'tsbpf';

const TARBALL = process.env['TSBPF_LINUX_SOURCE'] ?? '/usr/src/linux-source-6.1.tar.xz';
const SELFTESTS = 'linux-source-6.1/tools/testing/selftests/bpf';
const FILES = ['bpf_tcp_helpers.h', 'progs/bpf_cubic.c', 'progs/bpf_dctcp.c'];
const CLANG = process.env['CLANG'] ?? 'clang-16';
const CACHE = join(tmpdir(), 'tsbpf-tcp-selftests');

function whyNot(): string | undefined {
  if (!existsSync(TARBALL)) return `${TARBALL} is not there (apt-get install linux-source-6.1)`;
  try {
    execFileSync(CLANG, ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `there is no ${CLANG}`;
  }
}

/** The folder with the sources, unpacked once. */
function sources(): string {
  const done = join(CACHE, 'bpf');
  if (existsSync(done)) return done;
  const work = join(CACHE, `work-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    execFileSync('tar', [
      '-xJf',
      TARBALL,
      '-C',
      work,
      '--occurrence=1',
      ...FILES.map((file) => `${SELFTESTS}/${file}`),
    ]);
    renameSync(join(work, SELFTESTS), done);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return done;
}

function compiled(name: string): Uint8Array {
  const dir = sources();
  const out = join(CACHE, `${name}-${process.pid}.o`);
  const include = `/usr/include/${execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()}-linux-gnu`;
  const flags = ['-target', 'bpf', '-mcpu=v3', '-g', '-O2', `-I${dir}`, `-I${include}`, '-D__x86_64__'];
  try {
    execFileSync(CLANG, [...flags, '-c', join(dir, 'progs', `${name}.c`), '-o', out]);
    return readFileSync(out);
  } finally {
    rmSync(out, { force: true });
  }
}

const why = whyNot();
if (why !== undefined) console.log(`skipped: ${why}`);

/** What loading one program of an object comes to, as the verifier says it. */
function rejection(bytes: Uint8Array, prog: string): VerifierError | undefined {
  const obj = openObject(bytes, { sys: createKernel() });
  for (const one of obj.progs) one.autoload = one.name === prog;
  try {
    obj.load();
    return undefined;
  } catch (error) {
    if (error instanceof VerifierError) return error;
    throw error;
  } finally {
    obj.close();
  }
}

describe.skipIf(why !== undefined)("Linux 6.1's congestion controls", { timeout: 600_000 }, () => {
  it.each([
    ['bpf_cubic', 'bpf_cubic_cong_avoid', 'tcp_slow_start', 'cubic'],
    ['bpf_cubic', 'bpf_cubic_undo_cwnd', 'tcp_reno_undo_cwnd', 'cubic'],
    ['bpf_dctcp', 'dctcp_cong_avoid', 'tcp_reno_cong_avoid', 'dctcp_nouse'],
  ])('%s: %s calls %s', (name, prog, called, table) => {
    const bytes = compiled(name);
    const opened = openObject(bytes);
    expect([...opened.maps].map((map) => map.name)).toContain(table);
    const error = rejection(bytes, prog);
    expect(error?.errno).toBe(22);
    expect(error?.log).toMatch(/^BPF_CALL uses reserved fields$/m);
    expect(error?.diagnostic).toMatchObject({
      message: 'BPF_CALL uses reserved fields',
      source: { text: expect.stringContaining(called) as unknown },
      since: { feature: 'a call of a kernel function (kfunc)', version: '5.13' },
    });
  });

  it('what calls none loads; a helper that v5.6 gives no congestion control is named', () => {
    const [cubic, dctcp] = ['bpf_cubic', 'bpf_dctcp'].map(compiled);
    for (const prog of ['bpf_cubic_init', 'bpf_cubic_recalc_ssthresh', 'bpf_cubic_state', 'bpf_cubic_acked']) {
      expect(rejection(cubic, prog), prog).toBeUndefined();
    }
    for (const prog of ['dctcp_ssthresh', 'dctcp_update_alpha', 'dctcp_cwnd_event', 'dctcp_cwnd_undo']) {
      expect(rejection(dctcp, prog), prog).toBeUndefined();
    }
    expect(rejection(dctcp, 'dctcp_init')?.log).toMatch(/^unknown func bpf_sk_storage_get#107$/m);
  });
});
