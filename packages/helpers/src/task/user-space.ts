// SPDX-License-Identifier: MIT
import { EFAULT, UsageError } from '@tsbpf/uapi';
import type { KernelServices, SubsystemKey } from '@tsbpf/core';

/** First address that is not user space's on x86-64. @see arch/x86/include/asm/processor.h, TASK_SIZE_MAX */
export const TASK_SIZE_MAX = 0x7ffffffff000n;

const PAGE_SHIFT = 12n;
const PAGE_BYTES = 4096;

/**
 * Memory of the simulated process, for programs that read user pointers. Empty until a test maps something; pages come
 * zeroed, addresses outside of mapped pages fault.
 */
export interface UserSpace {
  /** Maps the pages that hold `lenBytes` bytes at `addr`. @errno EFAULT UsageError: outside of user space */
  map(addr: bigint, lenBytes: number): void;
  unmap(addr: bigint, lenBytes: number): void;
  /** Maps what is missing and writes. @errno EFAULT UsageError: outside of user space */
  write(addr: bigint, bytes: Uint8Array): void;
  /** Undefined where a byte of the range is not mapped. */
  read(addr: bigint, lenBytes: number): Uint8Array | undefined;
  /** The byte at `addr`; -1 where nothing is mapped. */
  byteAt(addr: bigint): number;
}

type Pages = Map<bigint, Uint8Array>;

function createUserSpace(kernel: KernelServices): UserSpace {
  let pages: Pages = new Map();
  const eachPage = (addr: bigint, lenBytes: number, visit: (page: bigint) => void): void => {
    const last = (addr + BigInt(Math.max(lenBytes, 1)) - 1n) >> PAGE_SHIFT;
    for (let page = addr >> PAGE_SHIFT; page <= last; page++) visit(page);
  };
  const space: UserSpace = {
    map(addr, lenBytes) {
      if (addr < 0n || addr + BigInt(lenBytes) > TASK_SIZE_MAX) {
        throw new UsageError(`0x${addr.toString(16)} and ${lenBytes} bytes on do not lie in user space`, {
          errno: EFAULT,
        });
      }
      eachPage(addr, lenBytes, (page) => {
        if (!pages.has(page)) pages.set(page, new Uint8Array(PAGE_BYTES));
      });
    },
    unmap(addr, lenBytes) {
      eachPage(addr, lenBytes, (page) => pages.delete(page));
    },
    write(addr, bytes) {
      space.map(addr, bytes.length);
      bytes.forEach((byte, i) => {
        const at = addr + BigInt(i);
        const page = pages.get(at >> PAGE_SHIFT);
        if (page !== undefined) page[Number(at & 0xfffn)] = byte;
      });
    },
    read(addr, lenBytes) {
      const out = new Uint8Array(lenBytes);
      for (let i = 0; i < lenBytes; i++) {
        const byte = space.byteAt(addr + BigInt(i));
        if (byte < 0) return undefined;
        out[i] = byte;
      }
      return out;
    },
    byteAt: (addr) => pages.get(addr >> PAGE_SHIFT)?.[Number(addr & 0xfffn)] ?? -1,
  };
  const copy = (from: Pages): Pages => new Map([...from].map(([page, bytes]) => [page, bytes.slice()]));
  kernel.checkpointables.push({
    checkpointName: 'user space',
    save: () => copy(pages),
    restore: (saved) => (pages = copy(saved as Pages)),
  });
  return space;
}

const USER_SPACE: SubsystemKey<UserSpace> = { name: 'user space', create: createUserSpace };

/** The user memory of a kernel's one process. */
export function userSpaceOf(kernel: Pick<KernelServices, 'subsystem'>): UserSpace {
  return kernel.subsystem(USER_SPACE);
}
