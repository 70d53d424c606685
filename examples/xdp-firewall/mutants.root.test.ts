// SPDX-License-Identifier: MIT
// The example and its mutants on the simulated Linux 5.6 and on the running kernel: same verdict, errno and last
// message, same return values and bytes. Where the two versions' rules differ, the row below says which rule it is.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPrng, randomPacket } from '@tsbpf/capture';
import { createHost } from '@tsbpf/host';
import { createKernel, openObject, VerifierError, BpfError, type BpfObject, type Sys } from 'tsbpf';
import { MUTANTS, mutate } from './mutants.ts';

const SOURCE = new URL('./firewall.bpf.c', import.meta.url);
const CLANG = process.env['CLANG'] ?? 'clang-16';
const PACKETS = 200;

interface Verdict {
  readonly errno: string;
  readonly message: string;
}

/** A difference between the rules of 5.6 and of today, with what 5.6 answers. */
interface VersionRule {
  readonly rule: string;
  readonly errno: string;
  /** Offsets are the compiler's business. */
  readonly message: RegExp;
}

const ACCEPTED: Verdict = { errno: '', message: '' };
const uninitRead = (message: RegExp): VersionRule => ({
  rule: 'since 6.3 a privileged program may read uninitialised stack',
  errno: 'EACCES',
  message,
});

const DIFFERENT: Readonly<Record<string, VersionRule>> = {
  'the value to insert is not initialised': uninitRead(/^invalid indirect read from stack off -\d+\+\d+ size 24$/),
  'the key is not initialised': uninitRead(/^invalid indirect read from stack off -\d+\+0 size 4$/),
  'the stack is read where nothing was written': uninitRead(/^invalid read from stack off -\d+\+0 size 8$/),
  'a GPL-only helper under another licence': {
    rule: 'ktime_get_ns needs a GPL-compatible licence before 5.8',
    errno: 'EINVAL',
    message: /^cannot call GPL-restricted function from non-GPL compatible program$/,
  },
};

/** Words that later versions print differently, in the words of 5.6. */
function inWordsOf56(message: string): string {
  return message
    .replaceAll("'scalar'", "'inv'")
    .replaceAll('type=scalar', 'type=inv')
    .replace(/^invalid write to stack R\d+ off=(-?\d+) size=(\d+)$/, 'invalid stack off=$1 size=$2')
    .replace(
      /^misaligned stack access off (\d+)\+/,
      (_, n: string) => `misaligned stack access off (0x${Number(n).toString(16)}; 0x0)+`,
    )
    .replace('outside of the allowed memory range', 'outside of the array range')
    .replace(/^R(\d+) type=(\S+) expected=fp, .*$/, 'R$1 type=$2 expected=fp')
    .replace(/^program of this type cannot use helper (\S+)$/, 'unknown func $1');
}

const compiled = spawnSync(CLANG, ['--version']).status === 0;
let host: Sys | undefined;
let reason = compiled ? '' : `no ${CLANG}`;
if (compiled) {
  try {
    host = createHost();
    const insns = new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
    const fd = host.bpf(5, { prog_type: 6, insns, license: 'GPL' });
    if (fd < 0) reason = `the running kernel does not let us load programs (${fd})`;
    else host.close(fd);
  } catch (error) {
    reason = error instanceof BpfError ? error.message : String(error);
  }
}
if (reason !== '') console.log(`mutants: skipped, ${reason}`);

const lastLine = (log: string): string =>
  log
    .split('\n')
    .filter(
      (line) =>
        line !== '' && !/^(processed |verification time|stack depth|mark_precise|cur state:|old state:)/.test(line),
    )
    .at(-1) ?? '';

function load(bytes: Uint8Array, sys: Sys): { obj: BpfObject; verdict: Verdict } {
  const obj = openObject(bytes, { sys, name: 'firewall' });
  try {
    obj.load();
    return { obj, verdict: ACCEPTED };
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return { obj, verdict: { errno: error.code, message: lastLine(error.log) } };
  }
}

describe.skipIf(reason !== '')('mutants of the firewall', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tsbpf-mutants-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const compile = (text: string): Uint8Array => {
    const c = join(dir, 'mutant.bpf.c');
    const o = join(dir, 'mutant.bpf.o');
    writeFileSync(c, text);
    const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
    const run = spawnSync(CLANG, ['-target', 'bpf', '-mcpu=v2', '-g', '-O2', include, '-c', c, '-o', o], {
      encoding: 'utf8',
    });
    expect(run.stderr.replace(/.*warning:[^]*/, '')).toBe('');
    return readFileSync(o);
  };

  const cases = [{ name: 'the firewall as it is', edits: [] }, ...MUTANTS];
  it.each(cases.map((mutant) => [mutant.name, mutant] as const))('%s', (name, mutant) => {
    const bytes = compile(mutate(readFileSync(SOURCE, 'utf8'), mutant));
    const real = load(bytes, host as Sys);
    const sim = load(bytes, createKernel());
    try {
      const rule = DIFFERENT[name];
      if (rule !== undefined) {
        expect(real.verdict, `no longer differs: ${rule.rule}`).toEqual(ACCEPTED);
        expect(sim.verdict.errno).toBe(rule.errno);
        expect(sim.verdict.message).toMatch(rule.message);
        return;
      }
      expect(sim.verdict).toEqual({ ...real.verdict, message: inWordsOf56(real.verdict.message) });
      if (sim.verdict !== ACCEPTED) return;
      const prng = createPrng(1);
      for (let i = 0; i < PACKETS; i++) {
        let { data } = randomPacket(prng);
        if (data.length < 14) data = new Uint8Array(14);
        const ours = sim.obj.program('firewall').testRun({ data });
        const theirs = real.obj.program('firewall').testRun({ data });
        expect({ retval: ours.retval, data: ours.data }, `packet ${i}`).toEqual({
          retval: theirs.retval,
          data: theirs.data,
        });
      }
      for (const map of ['counters', 'sources']) {
        const entries = (obj: BpfObject): string[] =>
          [...obj.map(map).entries()]
            .map((entry) =>
              String(entry.map((v) => JSON.stringify(v, (_, x: unknown) => (typeof x === 'bigint' ? String(x) : x)))),
            )
            .sort();
        expect(entries(sim.obj)).toEqual(entries(real.obj));
      }
    } finally {
      real.obj.close();
      sim.obj.close();
    }
  });

  it('are mostly rejected', () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
  });
});
