// SPDX-License-Identifier: MIT
// Kinds of sockets the simulation has. @see include/linux/net.h, include/uapi/linux/in.h

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;

/** Protocols of TCP and UDP, and the structure a socket of each has. */
export const PROTOCOLS: Readonly<Record<number, { readonly protocol: number; readonly struct: string }>> = {
  [SOCK_STREAM]: { protocol: IPPROTO_TCP, struct: 'tcp_sock' },
  [SOCK_DGRAM]: { protocol: IPPROTO_UDP, struct: 'inet_sock' },
};
