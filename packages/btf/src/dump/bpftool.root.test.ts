// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { elfSection } from '../../test/elf.ts';
import { dumpBtfC } from '../c-dump/dump.ts';
import { parseBtf } from '../model/btf.ts';
import { dumpBtfRaw, dumpBtfRawJson } from './raw.ts';

const OBJECTS = '/usr/lib/x86_64-linux-gnu/bpf';
const VMLINUX = '/sys/kernel/btf/vmlinux';

function bpftool(...args: string[]): string {
  return execFileSync('bpftool', args, { encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'ignore'] });
}

function bpftoolVersion(): string {
  try {
    return bpftool('version');
  } catch {
    return '';
  }
}

const usable = bpftoolVersion().includes('v7.1');
const files = usable && existsSync(OBJECTS) ? readdirSync(OBJECTS).map((f) => `${OBJECTS}/${f}`) : [];
if (usable && existsSync(VMLINUX)) files.push(VMLINUX);
if (files.length === 0) console.log('skipped: needs bpftool 7.1, and xdp-tools or a kernel with BTF');

describe.skipIf(files.length === 0)('dumps against bpftool', () => {
  it.each(files)('%s', (file) => {
    const bytes = new Uint8Array(readFileSync(file));
    const section = bytes[0] === 0x7f ? elfSection(bytes, '.BTF') : bytes;
    if (!section) return;
    const btf = parseBtf(section);
    expect(dumpBtfRaw(btf) === bpftool('btf', 'dump', 'file', file)).toBe(true);
    expect(`${dumpBtfRawJson(btf)}\n` === bpftool('-j', 'btf', 'dump', 'file', file)).toBe(true);
    expect(dumpBtfC(btf) === bpftool('btf', 'dump', 'file', file, 'format', 'c')).toBe(true);
  });
});
