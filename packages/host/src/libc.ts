// SPDX-License-Identifier: MIT
// The C library through koffi: the only file that knows koffi. Every call answers its result or `-errno`.
import { createRequire } from 'node:module';
import { ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import type * as Koffi from 'koffi';

/** An argument of a C call: an integer or an address. */
export type Word = number | bigint;

/** The C library of this process. */
export interface Libc {
  /** syscall(2). */
  syscall(number: number, ...args: readonly Word[]): number;
  socket(domain: number, type: number, protocol: number): number;
  send(fd: number, bytes: Uint8Array, flags: number): number;
  recv(fd: number, bytes: Uint8Array, flags: number): number;
  setsockopt(fd: number, level: number, optname: number, value: Uint8Array): number;
  ioctl(fd: number, request: number, arg: Word): number;
  poll(pollfds: Uint8Array, count: number, timeoutMs: number): number;
  ifNameToIndex(name: string): number;
  schedSetAffinity(pid: number, mask: Uint8Array): number;
  /** The address of the mapping, or -errno. */
  mmap(lenBytes: number, prot: number, flags: number, fd: number, offset: number, addr?: bigint): bigint | number;
  mprotect(addr: bigint, lenBytes: number, prot: number): number;
  munmap(addr: bigint, lenBytes: number): number;
  /**
   * Where the bytes are. They do not move while the array lives: taking the address of a small array moves it out
   * of the garbage collector's heap for good. The caller keeps the array reachable during the call.
   */
  addressOf(bytes: Uint8Array): bigint;
  /** Live bytes at an address. Touching them after the memory was unmapped ends the process. */
  viewAt(addr: bigint, lenBytes: number): Uint8Array;
}

/**
 * Opens the C library.
 *
 * @throws NotSupportedError where this is not Linux or koffi is not installed.
 */
export function openLibc(): Libc {
  if (process.platform !== 'linux')
    throw new NotSupportedError(`@tsbpf/host needs Linux; this is ${process.platform}`, {
      errno: ENOSYS,
      feature: 'host',
    });
  const koffi = loadKoffi();
  const lib = koffi.load(null);
  const fn = (name: string, result: string, args: string[]) => lib.func(name, result, args);
  const cSyscall = fn('syscall', 'long', ['long', ...Array<string>(6).fill('uintptr_t')]);
  const cSocket = fn('socket', 'int', ['int', 'int', 'int']);
  const cSend = fn('send', 'long', ['int', 'uintptr_t', 'size_t', 'int']);
  const cRecv = fn('recv', 'long', ['int', 'uintptr_t', 'size_t', 'int']);
  const cSetsockopt = fn('setsockopt', 'int', ['int', 'int', 'int', 'uintptr_t', 'uint']);
  const cIoctl = fn('ioctl', 'int', ['int', 'ulong', 'uintptr_t']);
  const cPoll = fn('poll', 'int', ['uintptr_t', 'ulong', 'int']);
  const cIfNameToIndex = fn('if_nametoindex', 'uint', ['str']);
  const cSetAffinity = fn('sched_setaffinity', 'int', ['int', 'size_t', 'uintptr_t']);
  const cMmap = fn('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64']);
  const cMprotect = fn('mprotect', 'int', ['uintptr_t', 'size_t', 'int']);
  const cMunmap = fn('munmap', 'int', ['uintptr_t', 'size_t']);
  // koffi keeps errno as the C function left it until the next call.
  const orErrno = (result: Word): number => (result < 0 ? -koffi.errno() : Number(result));
  const addressOf = (bytes: Uint8Array): bigint => koffi.address(bytes);

  return {
    syscall: (number, ...args) =>
      orErrno(cSyscall(number, args[0] ?? 0, args[1] ?? 0, args[2] ?? 0, args[3] ?? 0, args[4] ?? 0, args[5] ?? 0)),
    socket: (domain, type, protocol) => orErrno(cSocket(domain, type, protocol)),
    send: (fd, bytes, flags) => orErrno(cSend(fd, addressOf(bytes), bytes.length, flags)),
    recv: (fd, bytes, flags) => orErrno(cRecv(fd, addressOf(bytes), bytes.length, flags)),
    setsockopt: (fd, level, optname, value) => orErrno(cSetsockopt(fd, level, optname, addressOf(value), value.length)),
    ioctl: (fd, request, arg) => orErrno(cIoctl(fd, request, arg)),
    poll: (pollfds, count, timeoutMs) => orErrno(cPoll(addressOf(pollfds), count, timeoutMs)),
    ifNameToIndex(name) {
      const index = Number(cIfNameToIndex(name));
      return index === 0 ? -koffi.errno() : index;
    },
    schedSetAffinity: (pid, mask) => orErrno(cSetAffinity(pid, mask.length, addressOf(mask))),
    mmap(lenBytes, prot, flags, fd, offset, at = 0n) {
      const addr: Word = cMmap(at, lenBytes, prot, flags, fd, offset);
      return Number(addr) === -1 ? -koffi.errno() : BigInt(addr);
    },
    mprotect: (addr, lenBytes, prot) => orErrno(cMprotect(addr, lenBytes, prot)),
    munmap: (addr, lenBytes) => orErrno(cMunmap(addr, lenBytes)),
    addressOf,
    viewAt: (addr, lenBytes) => new Uint8Array(koffi.view(addr, lenBytes)),
  };
}

/** Marks the last moment at which C may use the buffers; call it after the C call. */
export function keepAlive(buffers: readonly Uint8Array[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}

function loadKoffi(): typeof Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as typeof Koffi;
  } catch (cause) {
    throw new NotSupportedError(
      '@tsbpf/host needs the optional package koffi, which is not installed or has no build for this machine: ' +
        'install it with your package manager (npm install koffi)',
      { errno: ENOSYS, feature: 'host', cause },
    );
  }
}
