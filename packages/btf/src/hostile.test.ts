// SPDX-License-Identifier: MIT
// Changed bytes must end in typed errors, soon: never in a hang or in a defect.
import { BpfError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { fixture } from '../test/files.ts';
import { createPrng, mutate } from '../test/prng.ts';
import {
  computeCoreRelo,
  decodeValue,
  dedupBtf,
  dumpBtfC,
  dumpBtfRaw,
  dumpBtfRawJson,
  encodeBtf,
  formatValue,
  memberAt,
  minCoreBtf,
  parseBtf,
  parseBtfExt,
  typesOf,
  validateBtf,
} from './index.ts';

function typedOnly(step: () => unknown): boolean {
  try {
    step();
    return true;
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return false;
  }
}

const rounds = Number(process.env.TSBPF_FUZZ_ROUNDS ?? 60);

describe('mutated BTF', () => {
  it.each(['layouts.btf', 'core.btf', 'values.btf'])('%s', (name) => {
    const source = fixture(name);
    const extBytes = fixture('core.btfext');
    const good = parseBtf(fixture('core.btf'));
    const goodExt = parseBtfExt(extBytes);
    const prng = createPrng(Number(process.env.TSBPF_FUZZ_SEED ?? 99));
    let parsed = 0;
    for (let round = 0; round < rounds; round++) {
      const bytes = mutate(source, prng);
      for (const version of ['5.6', '6.18']) {
        expect(validateBtf(bytes, { version, logLevel: 1 }).errno).toBeGreaterThanOrEqual(0);
      }
      typedOnly(() => parseBtfExt(mutate(extBytes, prng)));
      if (!typedOnly(() => parseBtf(bytes))) continue;
      parsed++;
      const btf = parseBtf(bytes);
      const targets = [{ btf, name: 'vmlinux' }];
      typedOnly(() => dumpBtfRaw(btf));
      typedOnly(() => dumpBtfRawJson(btf, { pretty: true }));
      typedOnly(() => dumpBtfC(btf));
      typedOnly(() => dedupBtf(btf));
      typedOnly(() => encodeBtf(typesOf(btf)));
      typedOnly(() => minCoreBtf(btf, [{ btf: good, ext: goodExt }]));
      typedOnly(() => minCoreBtf(good, [{ btf, ext: goodExt }]));
      for (let id = 0; id < btf.typeCount; id++) {
        typedOnly(() => decodeValue(btf, id, new Uint8Array(512)));
        typedOnly(() => formatValue(btf, id, new Uint8Array(512)));
        typedOnly(() => memberAt(btf, id, prng.below(64)));
        const relo = { typeId: id, accessStr: ['0', '0:1', '0:0:0', '1:2'][prng.below(4)], kind: prng.below(13) };
        typedOnly(() => computeCoreRelo({ localBtf: btf, relo, targets }));
        typedOnly(() => computeCoreRelo({ localBtf: good, relo, targets }));
      }
    }
    expect(parsed).toBeGreaterThan(rounds / 4);
  });

  it('deep chains end in typed errors', () => {
    const types = Array.from({ length: 20_000 }, (_, i) => ({
      id: i + 1,
      kind: 2 as const,
      name: '',
      typeId: i === 19_999 ? 0 : i + 2,
    }));
    const btf = parseBtf(encodeBtf(types));
    expect(() => dumpBtfC(btf)).toThrow(BpfError);
    expect(() => dedupBtf(btf)).toThrow(BpfError);
    expect(validateBtf(btf.bytes).errno).toBe(7);
  });
});
