// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { elfSection } from '../../test/elf.ts';
import { parseBtfExt, recordsBySection } from '../ext/ext.ts';
import { minCoreBtf } from '../min-core/min-core.ts';
import { parseBtf } from '../model/btf.ts';
import { findCoreCandidates, type CoreCandidate } from './candidates.ts';
import { BPF_CORE_TYPE_ID_LOCAL } from './kinds.ts';
import { computeCoreRelo } from './relo.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const SOURCE = fileURLToPath(new URL('../../test/fixtures/core.c', import.meta.url));
const compilers = ['clang-14', 'clang-16', 'clang-19', 'clang'].filter(
  (cc) => spawnSync(cc, ['--version']).status === 0,
);
const usable =
  process.getuid?.() === 0 &&
  existsSync(VMLINUX) &&
  spawnSync('bpftool', ['version']).status === 0 &&
  compilers.length > 0;
if (!usable) console.log('skipped: needs root, clang, bpftool and a kernel with BTF');

describe.skipIf(!usable)('CO-RE against libbpf', () => {
  it.each(compilers)('%s: same decisions, same log, same minimal BTF', (cc) => {
    const dir = mkdtempSync(join(tmpdir(), 'tsbpf-core-'));
    try {
      const object = join(dir, 'core.o');
      spawnSync(cc, ['-w', '-O2', '-g', '-target', 'bpf', '-c', SOURCE, '-o', object]);
      const file = new Uint8Array(readFileSync(object));
      const localBtf = parseBtf(elfSection(file, '.BTF') ?? new Uint8Array());
      const ext = parseBtfExt(elfSection(file, '.BTF.ext') ?? new Uint8Array());
      const vmlinux = parseBtf(new Uint8Array(readFileSync(VMLINUX)));

      // The pin path is no bpffs, so nothing stays behind; the log is written before.
      const run = spawnSync('bpftool', ['-d', 'prog', 'load', object, join(dir, 'pin')], { encoding: 'utf8' });
      const theirs = (run.stdout + run.stderr)
        .split('\n')
        .filter((l) => /^libbpf: (prog .*relo #|CO-RE relocating)/.test(l) && !/patched insn|substituting/.test(l));
      const mine: string[] = [];
      const log = (_: string, text: string): number => mine.push(`libbpf: ${text}`);
      const known = new Map<number, readonly CoreCandidate[]>();
      const targets = [{ btf: vmlinux, name: 'vmlinux' }];
      for (const relos of recordsBySection(localBtf, ext.coreRelo).values()) {
        relos.forEach((relo, reloIdx) => {
          const { typeId, kind } = relo;
          const accessStr = localBtf.strAt(relo.accessStrOff);
          const isLocal = kind === BPF_CORE_TYPE_ID_LOCAL;
          const candidates = isLocal
            ? []
            : (known.get(typeId) ?? findCoreCandidates({ localBtf, typeId, targets, log }));
          const result = computeCoreRelo({
            localBtf,
            relo: { ...relo, accessStr },
            candidates,
            progName: 'p',
            reloIdx,
            log,
          });
          if (!isLocal) known.set(typeId, result.candidates);
        });
      }
      expect(mine.length).toBeGreaterThan(100);
      expect(mine).toEqual(theirs);

      const min = join(dir, 'min.btf');
      expect(spawnSync('bpftool', ['gen', 'min_core_btf', VMLINUX, min, object]).status).toBe(0);
      expect(minCoreBtf(vmlinux, [{ btf: localBtf, ext }])).toEqual(new Uint8Array(readFileSync(min)));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
