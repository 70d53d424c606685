// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FaultError, UsageError, runBytecode } from './index.ts';

interface Case {
  readonly name: string;
  /** `negative`: what it says must not come true. */
  readonly dir: string;
  readonly insns_hex: string[];
  readonly mem_hex: string | null;
  readonly result: string | null;
  readonly expected_error: string | null;
  readonly groups: string[];
}

const shared = process.env['TSBPF_SHARED'] ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
const file = `${shared}/conformance/bpf_conformance.json`;
const cases = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] }).cases : [];
if (cases.length === 0) console.log(`bare bytecode: conformance cases skipped, no ${file}`);

const hex = (text: string): Uint8Array =>
  new Uint8Array((text.match(/[0-9a-f]{2}/gi) ?? []).map((b) => parseInt(b, 16)));
const BASE = new Set(['base32', 'base64', 'divmul32', 'divmul64', 'atomic32', 'atomic64']);
const plain = cases.filter((c) => c.dir !== 'negative' && c.groups.every((group) => BASE.has(group)));

describe('runBytecode', () => {
  it('has cases to run, where there are any', () => {
    if (cases.length > 0) expect(plain.length).toBeGreaterThan(100);
  });

  it.each(plain.map((c) => [c.name, c] as const))('%s', (_, c) => {
    const run = () => runBytecode({ insns: hex(c.insns_hex.join('')), mem: hex(c.mem_hex ?? '') });
    if (c.expected_error !== null) expect(run).toThrow();
    else expect(run().r0).toBe(BigInt.asUintN(64, BigInt(c.result ?? 0)));
  });

  it('gives back the memory, and leaves the caller alone', () => {
    // *(u8 *)(r1 + 0) = 7; r0 = r2; exit
    const insns = hex('7201000007000000' + 'bf20000000000000' + '9500000000000000');
    const mem = new Uint8Array(3);
    const result = runBytecode({ insns, mem });
    expect(result.r0).toBe(3n);
    expect([...result.mem]).toEqual([7, 0, 0]);
    expect([...mem]).toEqual([0, 0, 0]);
  });

  it('throws on a fault, saying where', () => {
    // r0 = *(u64 *)(r1 + 8); exit
    const insns = hex('7910080000000000' + '9500000000000000');
    try {
      runBytecode({ insns, mem: new Uint8Array(8) });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FaultError);
      expect((error as FaultError).insnIdx).toBe(0);
    }
  });

  it('stops where it is told to', () => {
    const forever = hex('0500ffff00000000' + '9500000000000000');
    expect(() => runBytecode({ insns: forever, maxInsns: 1000 })).toThrow(FaultError);
  });

  it('calls what it is given', () => {
    const insns = hex('b701000005000000' + '8500000001000000' + '9500000000000000');
    expect(runBytecode({ insns, helpers: { 1: ([a]) => a * 2n } }).r0).toBe(10n);
  });

  it.each(plain.filter((c) => c.expected_error === null).map((c) => [c.name, c] as const))('%s, compiled', (_, c) => {
    const { r0 } = runBytecode({ insns: hex(c.insns_hex.join('')), mem: hex(c.mem_hex ?? ''), engine: 'jit' });
    expect(r0).toBe(BigInt.asUintN(64, BigInt(c.result ?? 0)));
  });

  it('says what the JIT cannot do', () => {
    expect(() => runBytecode({ insns: hex('9500000000000000'), engine: 'jit', maxInsns: 1 })).toThrow(UsageError);
  });
});
