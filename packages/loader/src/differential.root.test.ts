// SPDX-License-Identifier: MIT
// The same objects through Debian's libbpf (by bpftool) and through this package, on the running kernel: both must
// ask it for the same maps, types and programs.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sys } from '@tsbpf/uapi';
import { namedObjects, packageExecutables } from '../../../tools/debian-objects/embedded.ts';
import { loadEvents, recordingSys, type LoadEvent } from '../test/capture/events.ts';
import { libbpfEvents, runningHost, whyNoCapture } from '../test/capture/libbpf.ts';
import { objectName, openObject } from './index.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const FIXTURES = join(HERE, '../test/fixtures');
const XDP_TOOLS = '/usr/lib/x86_64-linux-gnu/bpf';
/**
 * libbpf 1.1 of Debian refuses legacy maps, .bss.* and struct_ops members that the kernel lacks; freplace and
 * xdpdump_bpf need a target, and bpftool no program of an unknown section.
 */
const SKIPPED = /^(legacy|bss|struct_ops_gone|freplace|sections)\.|bpfeb|^xdpdump_bpf/;

const reason = whyNoCapture();
if (reason !== undefined) console.log(`loader: differential test skipped: ${reason}`);

const objects = [
  ...readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.o'))
    .map((name) => join(FIXTURES, name)),
  ...(existsSync(XDP_TOOLS) ? readdirSync(XDP_TOOLS).map((name) => join(XDP_TOOLS, name)) : []),
  join(HERE, '../../../examples/xdp-firewall/firewall.bpf.o'),
].filter((path) => !SKIPPED.test(basename(path)));

/** Enough of an event to see where two lists differ. */
const brief = (e: LoadEvent): string =>
  e.event === 'map' || e.event === 'prog'
    ? `${e.event} ${e.fields['name']}`
    : e.event === 'btf'
      ? 'btf'
      : `${e.event} ${e.map}`;

describe.skipIf(reason !== undefined)('what libbpf and we ask a kernel for', () => {
  let dir = '';
  let host: Sys;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tsbpf-loader-'));
    execFileSync('mount', ['-t', 'bpf', 'bpffs', dir]);
    host = await runningHost();
  });
  afterAll(() => {
    if (dir === '') return;
    execFileSync('umount', [dir]);
    rmSync(dir, { recursive: true });
  });

  function ours(path: string): { events: LoadEvent[]; error: unknown } {
    const { sys, calls } = recordingSys(host);
    const obj = openObject(readFileSync(path), {
      sys,
      name: objectName(path),
      pinRootPath: dir,
    });
    let error: unknown;
    try {
      obj.load();
    } catch (thrown) {
      error = thrown;
    } finally {
      obj.close();
      for (const map of obj.maps) if (map.pinPath !== undefined) rmSync(map.pinPath, { force: true });
    }
    return { events: loadEvents(calls), error };
  }

  it.each(objects.map((path) => [basename(path), path]))('%s', (_name, path) => {
    const wanted = libbpfEvents(path);
    const { events, error } = ours(path);
    // Without CONFIG_KALLSYMS_ALL, the kernel has no address for variables: both fail in the same way.
    if (!basename(path).startsWith('kernel.')) expect(error).toBeUndefined();
    expect(events.map(brief)).toEqual(wanted.map(brief));
    expect(events).toEqual(wanted);
  });

  const tools = namedObjects([...packageExecutables('libbpf-tools'), ...packageExecutables('xdp-tools')]);
  it.runIf(tools.length > 0).each(tools)('the object inside $name', ({ name, bytes }) => {
    const path = join(dir.replace(/tsbpf-loader-/, 'tsbpf-object-'), `${name}.o`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    try {
      // Some need what this kernel lacks, or settings that their tool makes: then both fail at the same call.
      const wanted = libbpfEvents(path);
      const { events } = ours(path);
      expect(events.map(brief)).toEqual(wanted.map(brief));
      expect(events).toEqual(wanted);
    } finally {
      rmSync(dirname(path), { recursive: true });
    }
  });
});
