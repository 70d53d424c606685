// SPDX-License-Identifier: MIT
// `gen` and `feature list_builtins` beside Debian's bpftool.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { namedObjects, packageExecutables } from '../../../../tools/debian-objects/embedded.ts';
import { runCommand } from '../program.ts';

const streams = vi.hoisted(() => ({ stdout: '', stderr: '' }));
vi.mock('../output/streams.ts', () => ({
  ClosedPipe: class extends Error {},
  print: (text: string) => {
    streams.stdout += `${text}\n`;
  },
  note: (text: string) => {
    streams.stderr += `${text}\n`;
  },
}));

const VMLINUX = '/sys/kernel/btf/vmlinux';
const objects = namedObjects(packageExecutables('libbpf-tools'));
const hasBpftool = spawnSync('bpftool', ['version']).status === 0;
const usable = hasBpftool && existsSync(VMLINUX) && objects.length > 0;
if (!usable) console.log("gen: skipped: needs bpftool, a kernel with BTF and Debian's libbpf-tools");

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-gen-'));
  for (const { name, bytes } of objects) writeFileSync(join(dir, `${name}.o`), bytes);
});
afterAll(() => rmSync(dir, { recursive: true }));

async function tsbpf(...args: string[]): Promise<string> {
  streams.stdout = '';
  streams.stderr = '';
  const status = await runCommand(args);
  expect({ status, stderr: streams.stderr }).toEqual({ status: 0, stderr: '' });
  return streams.stdout;
}

describe.skipIf(!usable)('gen', () => {
  const paths = (): string[] => objects.map(({ name }) => join(dir, `${name}.o`));

  it('min_core_btf writes what bpftool writes, for some objects and for all of them', async () => {
    const some = paths().filter((_, i) => i % 6 === 0);
    for (const group of [...some.map((path) => [path]), paths()]) {
      const [mine, theirs] = [join(dir, 'mine'), join(dir, 'theirs')];
      await tsbpf('gen', 'min_core_btf', VMLINUX, mine, ...group);
      const run = spawnSync('bpftool', ['gen', 'min_core_btf', VMLINUX, theirs, ...group], { encoding: 'utf8' });
      expect(run.status, run.stderr).toBe(0);
      expect(readFileSync(mine).equals(readFileSync(theirs)), group.join(' ')).toBe(true);
    }
  });

  it('object writes what bpftool writes', async () => {
    const [mine, theirs] = [join(dir, 'mine'), join(dir, 'theirs')];
    for (const path of paths().slice(0, 10)) {
      await tsbpf('gen', 'object', mine, path);
      expect(spawnSync('bpftool', ['gen', 'object', theirs, path]).status).toBe(0);
      expect(readFileSync(mine).equals(readFileSync(theirs)), path).toBe(true);
    }
  });
});

describe.skipIf(!hasBpftool)('feature list_builtins', () => {
  it.each(['prog_types', 'map_types', 'attach_types', 'helpers'])('%s are the first of a later list', async (group) => {
    const later = spawnSync('bpftool', ['feature', 'list_builtins', group], { encoding: 'utf8' }).stdout.split('\n');
    const mine = (await tsbpf('feature', 'list_builtins', group)).trimEnd().split('\n');
    expect(mine).toEqual(later.slice(0, mine.length));
  });
});
