// SPDX-License-Identifier: MIT
// Objects on the running kernel: what they hold and what they answer. Nothing is attached to anything.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VerifierError, type Sys } from '@tsbpf/uapi';
import { CLANGS, fixture } from '../test/fixture.ts';
import { openObject, type BpfObject, type OpenOptions } from './index.ts';

const reason = process.getuid?.() === 0 ? undefined : 'needs root';
if (reason !== undefined) console.log(`loader: tests on the running kernel skipped: ${reason}`);

describe.skipIf(reason !== undefined).each(CLANGS)('objects of %s on the running kernel', (clang) => {
  let host: Sys;
  const objects: BpfObject[] = [];
  beforeAll(async () => {
    const { createHost } = (await import('@tsbpf/host' as string)) as { createHost: () => Sys };
    host = createHost();
  });
  afterAll(() => {
    for (const obj of objects) obj.close();
  });
  const load = (
    name: string,
    options: OpenOptions = {},
    before: (obj: BpfObject) => void = () => undefined,
  ): BpfObject => {
    const obj = openObject(fixture(name, clang), { sys: host, name, ...options });
    objects.push(obj);
    before(obj);
    return obj.load();
  };
  const frame = new Uint8Array(64).fill(1);

  it('runs programs that count in typed maps', () => {
    const obj = load('maps');
    obj.maps['points'].set(frame.length - 14, { x: 41, name: 'abc' });
    const { retval } = obj.progs['count'].testRun({ data: frame, repeat: 3 });
    expect(retval).toBe(0);
    const keys = [...obj.maps['points'].keys()];
    expect(keys).toEqual([frame.length - 14]);
    const total = (obj.maps['per_cpu'].get(0) as bigint[]).reduce((a, b) => a + b, 0n);
    expect(total).toBe(3n);
    obj.progs['jump'].testRun({ data: frame });
    expect((obj.maps['per_cpu'].get(0) as bigint[]).reduce((a, b) => a + b, 0n)).toBe(4n);
    obj.maps['queue'].push(5);
    obj.maps['queue'].push(6);
    expect([
      obj.maps['queue'].peek(),
      obj.maps['queue'].pop(),
      obj.maps['queue'].pop(),
      obj.maps['queue'].pop(),
    ]).toEqual([5, 5, 6, undefined]);
    expect(
      obj.maps['points'].batch.update([
        [1, { x: 1 }],
        [2, { x: 2 }],
      ]),
    ).toBe(2);
    expect(obj.maps['points'].batch.lookup(16).entries).toHaveLength(3);
    expect(obj.maps['points'].batch.delete([1, 2])).toBe(2);
  });

  it('shares variables with programs', () => {
    const obj = load('globals', {}, (o) => {
      o.rodata['config'] = { limit: 1000, mode: 6, tag: 'x' };
      o.rodata['wide'] = 5n;
    });
    const before = obj.data['counter'] as number;
    const { retval } = obj.progs['add'].testRun({ data: frame });
    expect(obj.data['counter']).toBe(before + 1);
    expect(obj.data['negative']).toBe(-6n);
    expect(obj.section('.data.custom')?.get('custom')).toBe(78);
    const total = obj.bss['total'] as bigint;
    expect(total).toBeGreaterThan(1000n);
    expect(retval).toBeGreaterThanOrEqual(6);
    obj.bss['total'] = 1n;
    obj.data['counter'] = 100;
    obj.progs['add'].testRun({ data: frame });
    expect(obj.data['counter']).toBe(101);
    expect(obj.bss['total']).toBe(total + 1n);
    expect(() => (obj.rodata['wide'] = 1n)).toThrow('Operation not permitted');
  });

  it('calls functions across sections', () => {
    const obj = load('subprogs');
    const len = frame.length - 14;
    const first = obj.progs['first'].testRun({ data: frame });
    // tc sees the frame with its Ethernet header.
    const seen = [len * 3 + 1, frame.length * 3 + 1];
    expect(seen).toContain(first.retval);
    expect(obj.bss['calls']).toBe(1);
    const walk = load('callback');
    for (let i = 0; i < 4; i++) walk.maps['values'].set(i, BigInt(i + 1));
    expect(walk.progs['walk'].testRun({ data: frame }).retval).toBe(10);
  });

  it('knows the kernel it runs on', () => {
    const obj = load('externs');
    const version = obj.kconfig['LINUX_KERNEL_VERSION'] as number;
    expect(`${version >> 16}.${(version >> 8) & 0xff}`).toBe(host.uname().release.split('.').slice(0, 2).join('.'));
    expect(obj.kconfig['CONFIG_BPF_SYSCALL']).toBe(true);
    expect(obj.kconfig['CONFIG_BPF']).toBe(1);
    expect(obj.kconfig['CONFIG_NOT_THERE']).toBe(0);
  });

  it('relocates to the kernel it runs on, and explains what cannot be', () => {
    load('core');
    let error: unknown;
    try {
      load('core', {}, (o) => {
        for (const prog of o.progs) prog.autoload = prog.name === 'poisoned';
      });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(VerifierError);
    expect((error as VerifierError).log).toMatch(
      /\n?\d+: <invalid CO-RE relocation>\nfailed to resolve CO-RE relocation <byte_off> \[\d+\] struct task_struct.no_such_field/,
    );
    expect((error as VerifierError).message).toContain('failed to resolve CO-RE relocation');
  });

  it('skips what a struct_ops variable leaves out, and takes legacy maps and zeroed sections', () => {
    const lines: string[] = [];
    load('struct_ops_gone', { print: (_level, text) => lines.push(text) });
    expect(lines).toContain(
      "struct_ops mine: member no_longer_there not found in kernel, skipping it as it's set to zero",
    );
    const legacy = load('legacy');
    expect(legacy.maps['hits'].get(0)).toBe(0n);
    legacy.progs['pass'].testRun({ data: frame });
    expect(legacy.maps['hits'].get(0)).toBe(1n);
    const bss = load('bss');
    bss.progs['use'].testRun({ data: frame });
    expect(bss.section('.bss.scratch')?.get('scratch')).toBeGreaterThan(4);
  });

  it('pins and finds again', () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsbpf-pin-'));
    execFileSync('mount', ['-t', 'bpf', 'bpffs', dir]);
    try {
      load('pinned', { pinRootPath: dir }).maps['kept'].set(0, 1234);
      expect(readdirSync(dir)).toContain('kept');
      const again = load('pinned', { pinRootPath: dir });
      expect(again.maps['kept'].reused).toBe(true);
      expect(again.maps['kept'].get(0)).toBe(1234);
    } finally {
      for (const obj of objects.splice(0)) obj.close();
      execFileSync('umount', [dir]);
      rmSync(dir, { recursive: true });
    }
  });

  it('finds the target of a replacement', () => {
    const target = load('subprogs');
    let outcome = 'loaded';
    try {
      load('freplace', {}, (o) => o.progs['new_middle'].setAttachTarget({ prog: target.progs['first'] }));
    } catch (error) {
      // A kernel without trampolines refuses the program itself.
      outcome = (error as Error).message;
    }
    expect(outcome).toMatch(/^loaded$|Operation not permitted|not supported/);
  });

  it('leaves no fd behind', () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    load('maps').close();
    const before = count();
    load('maps').close();
    expect(() => load('maps', {}, (o) => (o.maps['points'].maxEntries = 0))).toThrow();
    load('globals').close();
    expect(count()).toBe(before);
  });
});
