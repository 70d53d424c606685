// SPDX-License-Identifier: MIT
// Which sockets may be in socket maps. @see net/core/sock_map.c
import { BPF_EXIST, EINVAL, EOPNOTSUPP } from '@tsbpf/uapi';
import type { Errno, KernelServices } from '@tsbpf/core';
import { readField } from '../dev/fields.ts';
import { readPointer } from '../dev/pointer.ts';
import { sockOfFd } from '../sock/socket-file.ts';

const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const TCP_ESTABLISHED = 1;

/** Only TCP sockets. */
export function isTcpStream(kernel: KernelServices, sk: number): boolean {
  return (
    readField(kernel, sk, 'sock.sk_type') === SOCK_STREAM && readField(kernel, sk, 'sock.sk_protocol') === IPPROTO_TCP
  );
}

/** The connected TCP socket behind an fd. Its offset, or -errno. @errno EBADF @errno ENOTSOCK @errno EOPNOTSUPP */
export function connectedTcpOfFd(kernel: KernelServices, fd: number): number {
  const sock = sockOfFd(kernel, fd);
  if (typeof sock === 'number') return sock;
  const connected = readField(kernel, sock.off, 'sock_common.skc_state') === TCP_ESTABLISHED;
  return isTcpStream(kernel, sock.off) && connected ? sock.off : -EOPNOTSUPP;
}

/** Update flags exist. */
export function checkFlags(flags: number): Errno {
  return flags > BPF_EXIST ? -EINVAL : 0;
}

/** A socket that has an upper layer protocol, such as TLS, cannot be in a map. */
export function hasUpperLayer(kernel: KernelServices, sk: number): boolean {
  const field = kernel.types.tryResolve('inet_connection_sock.icsk_ulp_data');
  return field !== undefined && readPointer(kernel.mem, sk + field.off) !== 0;
}
