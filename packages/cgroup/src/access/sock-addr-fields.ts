// SPDX-License-Identifier: MIT
// Program-side `struct bpf_sock_addr`, 72 bytes. @see include/uapi/linux/bpf.h
import {
  BPF_CGROUP_INET4_BIND,
  BPF_CGROUP_INET4_CONNECT,
  BPF_CGROUP_INET6_BIND,
  BPF_CGROUP_INET6_CONNECT,
  BPF_CGROUP_UDP4_RECVMSG,
  BPF_CGROUP_UDP4_SENDMSG,
  BPF_CGROUP_UDP6_RECVMSG,
  BPF_CGROUP_UDP6_SENDMSG,
} from '@tsbpf/uapi';

export const SOCK_ADDR_BYTES = 72;
export const USER_FAMILY = 0;
export const USER_PORT = 24;
export const FAMILY = 28;
export const TYPE = 32;
export const PROTOCOL = 36;
export const SK = 64;

/** An address in the context: which attach types see it, and what the kernel keeps it in. */
export interface AddressField {
  readonly off: number;
  readonly size: number;
  readonly attachTypes: readonly number[];
  /** Pointer member of the kernel's context, and the address in what it points to. */
  readonly pointer: string;
  readonly member: string;
}

export const ADDRESSES: readonly AddressField[] = [
  {
    off: 4,
    size: 4,
    attachTypes: [BPF_CGROUP_INET4_BIND, BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_UDP4_SENDMSG, BPF_CGROUP_UDP4_RECVMSG],
    pointer: 'bpf_sock_addr_kern.uaddr',
    member: 'sockaddr_in.sin_addr',
  },
  {
    off: 8,
    size: 16,
    attachTypes: [BPF_CGROUP_INET6_BIND, BPF_CGROUP_INET6_CONNECT, BPF_CGROUP_UDP6_SENDMSG, BPF_CGROUP_UDP6_RECVMSG],
    pointer: 'bpf_sock_addr_kern.uaddr',
    member: 'sockaddr_in6.sin6_addr',
  },
  {
    off: 40,
    size: 4,
    attachTypes: [BPF_CGROUP_UDP4_SENDMSG],
    pointer: 'bpf_sock_addr_kern.t_ctx',
    member: 'in_addr.s_addr',
  },
  {
    off: 44,
    size: 16,
    attachTypes: [BPF_CGROUP_UDP6_SENDMSG],
    pointer: 'bpf_sock_addr_kern.t_ctx',
    member: 'in6_addr.in6_u',
  },
];

/** The address a byte belongs to. */
export function addressAt(off: number): AddressField | undefined {
  return ADDRESSES.find((field) => off >= field.off && off < field.off + field.size);
}
