// SPDX-License-Identifier: MIT
import { UsageError } from '@tsbpf/uapi';
import { createTestKernel } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { TASK_SIZE_MAX, userSpaceOf } from './user-space.ts';

describe('user space', () => {
  test('reads what was written, across pages, and nothing beyond', () => {
    const user = userSpaceOf(createTestKernel());
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
    user.write(0x7fff_0000_0f00n, bytes);
    expect(user.read(0x7fff_0000_0f00n, 5000)).toEqual(bytes);
    expect(user.read(0x7fff_0000_2fffn, 1)).toEqual(Uint8Array.of(0));
    expect(user.read(0x7fff_0000_2fffn, 2)).toBeUndefined();
    user.unmap(0x7fff_0000_1000n, 1);
    expect(user.byteAt(0x7fff_0000_1000n)).toBe(-1);
    expect(user.byteAt(0x7fff_0000_0f01n)).toBe(1);
  });

  test('ends where the kernel begins', () => {
    const user = userSpaceOf(createTestKernel());
    user.map(TASK_SIZE_MAX - 8n, 8);
    expect(() => user.map(TASK_SIZE_MAX - 8n, 9)).toThrow(UsageError);
    expect(() => user.write(-1n, Uint8Array.of(1))).toThrow(UsageError);
  });

  test('belongs to its kernel, and goes back with a checkpoint', () => {
    const [one, other] = [createTestKernel(), createTestKernel()];
    userSpaceOf(one).write(0x1000n, Uint8Array.of(7));
    expect(userSpaceOf(other).byteAt(0x1000n)).toBe(-1);
    const part = one.checkpointables.find((c) => c.checkpointName === 'user space');
    const saved = part?.save();
    userSpaceOf(one).write(0x1000n, Uint8Array.of(8));
    part?.restore(saved);
    expect(userSpaceOf(one).byteAt(0x1000n)).toBe(7);
  });
});
