// SPDX-License-Identifier: MIT
// mmap of map fds as live Uint8Arrays.
import { EINVAL } from '@tsbpf/uapi';
import type { Libc } from './libc.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE_ANONYMOUS_FIXED = 0x32;

/** The mappings of a host. */
export interface Mappings {
  /** Live bytes, or -errno. Writing to bytes mapped without `writable` ends the process (SIGSEGV). */
  map(fd: number, options: { lenBytes: number; offset: number; writable: boolean }): Uint8Array | number;
  /**
   * Unmaps bytes that `map` gave. The bytes stay safe to touch: they are zeros of their own from then on, and their
   * memory goes when the array does.
   *
   * @errno EINVAL not such bytes, or unmapped before
   */
  unmap(bytes: Uint8Array): number;
}

/** Creates the table of a host's mappings. */
export function createMappings(libc: Libc): Mappings {
  const live = new Map<Uint8Array, { addr: bigint; lenBytes: number }>();
  const collected = new FinalizationRegistry<{ addr: bigint; lenBytes: number }>(({ addr, lenBytes }) => {
    libc.munmap(addr, lenBytes);
  });

  return {
    map(fd, { lenBytes, offset, writable }) {
      const addr = libc.mmap(lenBytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, offset);
      if (typeof addr === 'number') return addr;
      const bytes = libc.viewAt(addr, lenBytes);
      live.set(bytes, { addr, lenBytes });
      return bytes;
    },
    unmap(bytes) {
      const mapping = live.get(bytes);
      if (mapping === undefined) return -EINVAL;
      const { addr, lenBytes } = mapping;
      // A view of native memory cannot be detached, so what is under it is replaced instead of removed.
      const result = libc.mmap(lenBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE_ANONYMOUS_FIXED, -1, 0, addr);
      if (typeof result === 'number') return result;
      live.delete(bytes);
      collected.register(bytes.buffer, mapping);
      return 0;
    },
  };
}
