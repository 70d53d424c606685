// SPDX-License-Identifier: MIT
import { closeSync, openSync, readFileSync, unlinkSync } from 'node:fs';
import { machine, release, type, version } from 'node:os';
import { BPF_OBJ_GET_INFO_BY_FD, EBADF, EIO, ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import type { BpfAttrs, BpfCmd, InfoByFdAttr, Sys } from '@tsbpf/uapi';
import { createTcAttacher, setLinkXdp } from './attach-net.ts';
import { encodeAttr } from './attr-codec.ts';
import type { AttrObject } from './attr-codec.ts';
import { possibleCpus } from './cpu.ts';
import { createFencePool } from './fence.ts';
import { getInfoByFd } from './info.ts';
import { keepAlive, openLibc } from './libc.ts';
import { createMappings } from './mappings.ts';
import { netlinkRequest } from './netlink.ts';
import { perfEventOpen, perfEventSetBpf } from './perf.ts';
import { bpfRaw } from './raw.ts';
import { LITTLE } from './struct-bytes.ts';

/** Numbers of bpf(2) and perf_event_open(2) by `process.arch`. */
const SYSCALL_NUMBERS: Readonly<Record<string, { bpf: number; perfEventOpen: number }>> = {
  x64: { bpf: 321, perfEventOpen: 298 },
  arm64: { bpf: 280, perfEventOpen: 241 },
  riscv64: { bpf: 280, perfEventOpen: 241 },
  s390x: { bpf: 351, perfEventOpen: 331 },
};

const POLLFD_BYTES = 8;
const POLLIN = 1;

/** bpf(2) and its neighbours on the running Linux. All of {@link Sys} is there; `bpfRaw` too. */
export interface Host extends Sys {
  bpfRaw: NonNullable<Sys['bpfRaw']>;
}

/** Options of {@link createHost}. */
export interface HostOptions {
  /** Called after each bpf(2) call with its command and result, as strace would print it. */
  onCall?: (cmd: number, result: number) => void;
}

/**
 * Opens the running Linux as a {@link Sys}.
 *
 * Buffers without a length in the attribute (keys, values, batch cursors) are fenced: one that is too short is EFAULT
 * and never memory of this process. Calls block the event loop. One thread at a time.
 *
 * @throws NotSupportedError where this is not Linux, koffi is not installed, or the machine is unknown.
 * @see bpf(2)
 */
export function createHost(options: HostOptions = {}): Host {
  const libc = openLibc();
  const numbers = SYSCALL_NUMBERS[process.arch];
  if (numbers === undefined)
    throw new NotSupportedError(`@tsbpf/host does not know the system calls of ${process.arch}`, {
      errno: ENOSYS,
      feature: 'host',
    });
  const fences = createFencePool(libc);
  const mappings = createMappings(libc);
  const close = (fd: number): number => (fd < 0 ? -EBADF : errnoOf(() => (closeSync(fd), 0)));
  const tc = createTcAttacher((request) => netlinkRequest(libc, close, request));
  const syscall = (cmd: number, attrAddr: bigint, sizeBytes: number): number => {
    const result = libc.syscall(numbers.bpf, cmd, attrAddr, sizeBytes);
    options.onCall?.(cmd, result);
    return result;
  };
  const call = (cmd: number, bytes: Uint8Array): number => syscall(cmd, libc.addressOf(bytes), bytes.length);

  return {
    bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
      if (cmd === BPF_OBJ_GET_INFO_BY_FD) return infoCall(attr as InfoByFdAttr);
      fences.reset();
      const encoded = encodeAttr(libc, fences, cmd, attr as unknown as AttrObject);
      const result = call(cmd, encoded.bytes);
      keepAlive(encoded.pinned);
      encoded.writeBack(result);
      return result;
    },
    bpfRaw: (cmd, attr, sizeBytes, user) =>
      bpfRaw({ libc, fences, syscall, possibleCpus: possibleCpus() }, cmd, attr, sizeBytes, user),
    close,
    open: (path, flags) => errnoOf(() => openSync(path, flags)),
    unlink: (path) => errnoOf(() => (unlinkSync(path), 0)),
    readFile(path) {
      let bytes: Uint8Array | undefined;
      const result = errnoOf(() => ((bytes = new Uint8Array(readFileSync(path))), 0));
      return bytes ?? result;
    },
    mmap: (fd, mmapOptions) => mappings.map(fd, mmapOptions),
    munmap: (_fd, bytes) => mappings.unmap(bytes),
    poll(fds, { timeoutMs }) {
      const pollfds = new DataView(new ArrayBuffer(Math.max(1, fds.length) * POLLFD_BYTES));
      fds.forEach((fd, i) => {
        pollfds.setInt32(i * POLLFD_BYTES, fd, LITTLE);
        pollfds.setInt16(i * POLLFD_BYTES + 4, POLLIN, LITTLE);
      });
      const result = libc.poll(new Uint8Array(pollfds.buffer), fds.length, timeoutMs);
      return result < 0 ? result : fds.filter((_, i) => pollfds.getInt16(i * POLLFD_BYTES + 6, LITTLE) !== 0);
    },
    ifNameToIndex: (name) => libc.ifNameToIndex(name),
    uname: () => ({ sysname: type(), release: release(), version: version(), machine: machine() }),
    possibleCpus,
    setLinkXdp: (ifindex, progFd, flags) =>
      setLinkXdp((request) => netlinkRequest(libc, close, request), ifindex, progFd, flags),
    attachTc: (ifindex, progFd, tcOptions) => tc.attach(ifindex, progFd, tcOptions),
    detachTc: (ifindex, tcOptions) => tc.detach(ifindex, tcOptions),
    perfEventOpen: (attr) => perfEventOpen(libc, numbers.perfEventOpen, attr),
    perfEventSetBpf: (perfFd, progFd) => perfEventSetBpf(libc, perfFd, progFd),
    setsockopt: (fd, level, optname, value) => libc.setsockopt(fd, level, optname, value),
  };

  function infoCall(attr: InfoByFdAttr): number {
    return getInfoByFd(libc, call, attr);
  }
}

/** A Node file call as a result or -errno. */
function errnoOf(fn: () => number): number {
  try {
    return fn();
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).errno;
    return typeof errno === 'number' ? -Math.abs(errno) : -EIO;
  }
}
