// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createIdSpace } from './id-space.ts';

describe('ids', () => {
  it('never reuses a number before they wrap', () => {
    const ids = createIdSpace<string>();
    expect([ids.add('a'), ids.add('b')]).toEqual([1, 2]);
    ids.remove(2);
    expect(ids.add('c')).toBe(3);
    expect(ids.get(2)).toBeUndefined();
    expect([...ids.values()]).toEqual(['a', 'c']);
  });

  it('walks in order of number', () => {
    const ids = createIdSpace<number>();
    for (let i = 0; i < 5; i++) ids.add(i);
    ids.remove(3);
    const seen: number[] = [];
    for (let id = ids.next(0); id !== undefined; id = ids.next(id)) seen.push(id);
    expect(seen).toEqual([1, 2, 4, 5]);
    expect(ids.size).toBe(4);
  });
});
