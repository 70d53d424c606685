// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { defaultRegistries } from 'tsbpf';
import { HELPER_ERRNOS, UNREACHABLE } from './errnos.ts';
import { listing, testFile, testFiles, type HelperToTest } from './listing.ts';

/** Helpers with a body, by name. */
function withBody(): HelperToTest[] {
  const byName = new Map<string, { name: string; variants: string[]; id: number }>();
  for (const { variant, proto, impl } of defaultRegistries().helpers) {
    if (impl === undefined) continue;
    const entry = byName.get(proto.name) ?? { name: proto.name, variants: [], id: proto.id };
    entry.variants.push(variant);
    byName.set(proto.name, entry);
  }
  return [...byName.values()];
}

describe('the tests of helpers', () => {
  const listed = listing(withBody(), HELPER_ERRNOS, testFiles());

  it('name every helper that has a body', () => {
    expect(listed.length).toBeGreaterThan(100);
    expect(listed.filter(({ files }) => files.length === 0).map(({ helper }) => helper)).toEqual([]);
  });

  it('name each errno that the helper may answer', () => {
    const missing = listed.flatMap(({ helper, missing: errnos }) => errnos.map((errno) => `${helper} ${errno}`));
    expect(missing).toEqual([]);
  });

  it('leave out only what cannot be, each with its reason', () => {
    for (const [what, reason] of Object.entries(UNREACHABLE)) {
      const [helper = '', errno = ''] = what.split(' ');
      expect(HELPER_ERRNOS[helper] ?? []).not.toContain(errno);
      expect(reason).not.toBe('');
    }
  });

  it('are found by name, by number, and not by import', () => {
    const helpers = [{ name: 'bind', variants: ['bpf_bind'], id: 64 }];
    const file = (text: string) => [testFile('x', text)];
    expect(listing(helpers, { bind: ['EINVAL'] }, file("call('bpf_bind') EINVAL"))[0]).toMatchObject({ missing: [] });
    expect(listing(helpers, { bind: ['EINVAL'] }, file('call 64'))[0]).toMatchObject({
      files: ['x'],
      missing: ['EINVAL'],
    });
    expect(listing(helpers, {}, file(String.raw`r1 = 0\ncall 64\nexit`))[0]).toMatchObject({ files: ['x'] });
    expect(listing(helpers, {}, file('call 640'))[0]).toMatchObject({ files: [] });
    expect(listing(helpers, {}, file('f(`bpf_${what}`)'))[0]).toMatchObject({ files: ['x'] });
    expect(listing(helpers, {}, file('f(`bpf_${what}_x`)'))[0]).toMatchObject({ files: [] });
  });
});
