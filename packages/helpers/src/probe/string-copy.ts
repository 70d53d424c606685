// SPDX-License-Identifier: MIT
import { EFAULT } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { TASK_SIZE_MAX } from '../task/user-space.ts';
import { byteAt, rangeOk, type AddressSpace } from './unsafe-memory.ts';

const WORD = 8;

/**
 * Copies a string of at most `size` bytes, its NUL included, and ends it where it was cut. Answers the bytes copied, the
 * NUL among them, or -EFAULT; what was copied before the fault stays, ended by a NUL.
 * @see mm/maccess.c, strncpy_from_unsafe
 */
export function copyString(
  kernel: KernelServices,
  from: { space: AddressSpace; addr: bigint; size: number },
  dst: number,
): number {
  const { space, addr, size } = from;
  if (!rangeOk(space, addr, 0)) return -EFAULT;
  if (size === 0) return 0;
  let len = 0;
  let byte: number;
  do {
    byte = byteAt(kernel, space, addr + BigInt(len));
    kernel.mem.write8(dst + len, Math.max(byte, 0));
    len++;
  } while (byte > 0 && len < size);
  kernel.mem.write8(dst + len - 1, 0);
  return byte < 0 ? -EFAULT : len;
}

/**
 * Copies a string from user memory. Two habits of v5.6 are kept: an empty string answers 0, not 1; and the copy goes by
 * words of 8 bytes, so up to 7 bytes behind the NUL arrive, too.
 * @see mm/maccess.c, strncpy_from_unsafe_user; lib/strncpy_from_user.c
 */
export function copyUserString(kernel: KernelServices, from: { addr: bigint; size: number }, dst: number): number {
  const { addr, size } = from;
  if (size === 0) return 0;
  if (addr >= TASK_SIZE_MAX) return -EFAULT;
  const room = Number(BigInt.asUintN(64, TASK_SIZE_MAX - addr));
  const max = Math.min(size, room);
  const at = (i: number): number => byteAt(kernel, 'user', addr + BigInt(i));
  let len = 0;
  const ended = (): number => (len === 0 ? 0 : len + 1);

  while (max - len >= WORD) {
    const word = Array.from({ length: WORD }, (_, i) => at(len + i));
    if (word.includes(-1)) break;
    kernel.mem.writeBytes(dst + len, Uint8Array.from(word));
    const nul = word.indexOf(0);
    if (nul >= 0) {
      len += nul;
      return ended();
    }
    len += WORD;
  }
  for (; len < max; len++) {
    const byte = at(len);
    if (byte < 0) return -EFAULT;
    kernel.mem.write8(dst + len, byte);
    if (byte === 0) return ended();
  }
  if (max < size) return -EFAULT;
  kernel.mem.write8(dst + size - 1, 0);
  return size;
}
