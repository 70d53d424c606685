// SPDX-License-Identifier: MIT
// The first lookups read every name, later ones use an index, and both find the same.
import { describe, expect, it } from 'vitest';
import { createBtfBuilder } from '../encode/builder.ts';
import * as K from '../kinds.ts';
import { parseBtf } from './btf.ts';

function blob({ ascii }: { ascii: boolean }): Uint8Array {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: K.BTF_INT_SIGNED });
  for (let i = 0; i < 300; i++) b.typedef(`name_${i % 200}`, int);
  b.struct('task', 4, [{ name: 'name_7', typeId: int, bitOffset: 0 }]);
  b.struct('task___old', 4, [{ name: 'x', typeId: int, bitOffset: 0 }]);
  if (!ascii) b.typedef('näme', int);
  b.struct('multitask', 4, []);
  return b.bytes();
}

describe.each([{ ascii: true }, { ascii: false }])('names in a blob: %j', (options) => {
  const bytes = blob(options);
  const NAMES = ['int', 'name_7', 'name_199', 'name_20', 'task', 'task___old', 'multitask', 'näme', 'none', 'x'];

  it.each(NAMES)('%s', (name) => {
    const indexed = parseBtf(bytes);
    // After so many, it has its indexes.
    const asked = NAMES.map((warm) => [...indexed.idsByName(warm), ...indexed.idsByEssentialName(warm)]);
    expect(asked).toHaveLength(NAMES.length);
    expect([...parseBtf(bytes).idsByName(name)]).toEqual([...indexed.idsByName(name)]);
    expect([...parseBtf(bytes).idsByEssentialName(name)]).toEqual([...indexed.idsByEssentialName(name)]);
  });

  it('finds names that are tails of others', () => {
    const btf = parseBtf(bytes);
    const at = btf.nameOff(btf.findByName('multitask') ?? 0);
    const shared = bytes.slice();
    const view = new DataView(shared.buffer);
    // The typedef with id 2 gets the name "task" from the tail of "multitask".
    view.setUint32(24 + 16, at + 'multi'.length, true);
    const [first] = parseBtf(shared).idsByName('task');
    expect(first).toBe(2);
  });
});
