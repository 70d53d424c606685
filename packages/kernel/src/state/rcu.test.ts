// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createRcu } from './rcu.ts';

describe('rcu', () => {
  it('runs a callback at once where nothing runs', () => {
    const order: string[] = [];
    createRcu().callRcu(() => order.push('freed'));
    expect(order).toEqual(['freed']);
  });

  it('waits for the outermost level, and keeps the order', () => {
    const rcu = createRcu();
    const order: string[] = [];
    rcu.enter();
    rcu.enter();
    rcu.callRcu(() => {
      order.push('first');
      rcu.callRcu(() => order.push('queued by first'));
    });
    rcu.callRcu(() => order.push('second'));
    rcu.exit();
    expect(order).toEqual([]);
    rcu.exit();
    expect(order).toEqual(['first', 'second', 'queued by first']);
    expect(rcu.depth).toBe(0);
  });
});
