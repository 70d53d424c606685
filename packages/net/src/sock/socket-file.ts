// SPDX-License-Identifier: MIT
// Fds of sockets: what socket maps and per-socket storage take as values and keys. @see net/socket.c, sockfd_lookup
import { EBADF, ENOTSOCK } from '@tsbpf/uapi';
import type { Errno, KernelFile, KernelServices } from '@tsbpf/core';
import type { Sock } from './sock.ts';

declare module '@tsbpf/core' {
  interface KernelFiles {
    socket: SocketFile;
  }
}

/** A file that is a socket. */
export interface SocketFile extends KernelFile {
  readonly sock: Sock;
}

/**
 * Opens an fd for a socket: its number, or -EMFILE. `close` runs when the last fd of it is closed. It may be called by
 * whoever owns the socket, too, as long as it is harmless the second time.
 */
export function installSocket(kernel: KernelServices, sock: Sock, close: () => void): number {
  const file: SocketFile = { kind: 'socket', name: 'socket', sock, release: close };
  return kernel.fds.install(file);
}

/** The socket behind an fd. @errno EBADF not open, or the socket is gone @errno ENOTSOCK another file */
export function sockOfFd(kernel: KernelServices, fd: number): Sock | Errno {
  const file = kernel.fds.file(fd) as (KernelFile & { readonly sock?: Sock }) | undefined;
  if (file === undefined) return -EBADF;
  if (file.sock?.kind !== 'sock') return -ENOTSOCK;
  return kernel.objects.get<Sock>(file.sock.off, 'sock') === file.sock ? file.sock : -EBADF;
}
