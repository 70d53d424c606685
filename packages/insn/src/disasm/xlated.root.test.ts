// SPDX-License-Identifier: MIT
// Compares our listing with that of a real bpftool, of a program that a real kernel has rewritten.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assemble } from '../asm/assemble.ts';
import { decodeInsns, encodeInsns } from '../codec.ts';
import type { Insn } from '../insn.ts';
import type { XlatedJsonInsn } from './xlated.ts';
import { formatXlated, formatXlatedJson } from './xlated.ts';

const SOURCE = `
struct { int (*type)[2]; int *key; long *value; int (*max_entries)[4]; } m __attribute__((section(".maps"), used));
static long (*lookup)(void *, const void *) = (void *)1;
static unsigned long (*ktime)(void) = (void *)5;
static __attribute__((noinline)) int sub(void *ctx, int k) {
  long *v = (long *)lookup(&m, &k);
  if (!v) return 1;
  __sync_fetch_and_add(v, 3);
  return *v & 0xff;
}
__attribute__((section("xdp"), used)) int prog(unsigned *ctx) {
  long l = ctx[1] - ctx[0];
  return sub(ctx, l & 3) + sub(ctx, (l / 7) & 1) + (int)ktime();
}
char _l[] __attribute__((section("license"), used)) = "GPL";
`;

const SCRIPT = `set -e
mount -t bpf bpf "$1/fs"
trap 'rm -f "$1/fs/p"; umount "$1/fs"' EXIT
bpftool prog load "$1/p.o" "$1/fs/p" >&2
bpftool prog dump xlated pinned "$1/fs/p" opcodes > "$1/plain"
bpftool prog dump xlated pinned "$1/fs/p" file "$1/bin"
bpftool --json prog dump xlated pinned "$1/fs/p" opcodes > "$1/json"
`;

function reasonToSkip(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  try {
    execFileSync('sh', ['-c', 'command -v clang-16 && command -v bpftool && command -v unshare'], { stdio: 'ignore' });
  } catch {
    return 'needs clang-16, bpftool and unshare';
  }
  return undefined;
}

const skip = reasonToSkip();
if (skip !== undefined) console.warn(`skipped: comparison with bpftool ${skip}`);

describe.skipIf(skip !== undefined)('bpftool', () => {
  let dir = '';
  const lines: string[] = [];
  let insns: Insn[] = [];

  /** Names come from the running kernel's symbols, which only bpftool's own text knows. */
  const shownCall = (idx: number): string | undefined =>
    lines.find((line) => line.startsWith(`${` ${idx}`.padStart(4)}: (85) call `))?.replace(/^.*call /, '');
  const options = {
    opcodes: true,
    funcName: (_: Insn, idx: number) => shownCall(idx)?.replace(/#.*$/, ''),
    subprogName: (_: Insn, idx: number) => shownCall(idx)?.replace(/^[^#]*#/, ''),
  };

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tsbpf-xlated-'));
    writeFileSync(join(dir, 'p.c'), SOURCE);
    writeFileSync(join(dir, 'run.sh'), `mkdir -p "$1/fs"\n${SCRIPT}`);
    execFileSync('clang-16', ['-O2', '-target', 'bpf', '-mcpu=v3', '-g', '-c', 'p.c', '-o', 'p.o'], { cwd: dir });
    execFileSync('unshare', ['-m', 'bash', join(dir, 'run.sh'), dir], { stdio: ['ignore', 'ignore', 'pipe'] });
    lines.push(...readFileSync(join(dir, 'plain'), 'utf8').split('\n'));
    insns = decodeInsns(readFileSync(join(dir, 'bin')));
  });
  afterAll(() => {
    if (dir !== '') rmSync(dir, { recursive: true, force: true });
  });

  it('prints the same listing', () => {
    const plain = lines.filter((line) => /^ {1,3}\d+: \(|^ {7}/.test(line));
    expect(formatXlated(insns, options).trimEnd().split('\n')).toEqual(plain);
  });

  it('prints the same JSON', () => {
    const theirs = (JSON.parse(readFileSync(join(dir, 'json'), 'utf8')) as XlatedJsonInsn[]).map(
      ({ disasm, opcodes }) => ({ disasm, opcodes }),
    );
    expect(formatXlatedJson(insns, options)).toEqual(theirs);
  });

  it('has a listing that assembles back', () => {
    const text = lines.filter((line) => !line.startsWith(';')).join('\n');
    const back = assemble(text);
    // A dumped call holds its distance in off and a function number in imm; before loading it is all in imm.
    const loadable = insns.map((insn) =>
      insn.code === 0x85 && insn.src === 1 ? { ...insn, off: 0, imm: insn.off } : insn,
    );
    expect(encodeInsns(back)).toEqual(encodeInsns(loadable));
  });
});
