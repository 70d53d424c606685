// SPDX-License-Identifier: MIT
// Socket options of sockets that share a port. @see net/core/sock.c, net/core/filter.c, sk_reuseport_attach_bpf
import { BPF_PROG_TYPE_SK_REUSEPORT, BPF_PROG_TYPE_SOCKET_FILTER, EINVAL, ENOMEM, ENOTSUPP } from '@tsbpf/uapi';
import type { Errno, KernelServices } from '@tsbpf/core';
import { readField, writeField } from '../dev/fields.ts';
import { skStoragesOf } from '../sk-storage/state.ts';
import { AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP } from '../sock/sock-table.ts';
import { sockOfFd } from '../sock/socket-file.ts';
import { attachToGroup, detachFromGroup } from './group.ts';

const SOL_SOCKET = 1;
const SO_REUSEPORT = 15;
const SO_ATTACH_REUSEPORT_EBPF = 52;
const SO_DETACH_REUSEPORT_BPF = 68;
/** `sizeof(struct bpf_prog)`, and of an instruction: what a filter is charged with. */
const PROG_SIZE = 56;
const INSN_SIZE = 8;

function attach(kernel: KernelServices, sk: number, fd: number): Errno {
  const file = kernel.fds.get(fd, 'prog');
  if (typeof file === 'number') return file;
  const { prog } = file;
  if (prog.type === BPF_PROG_TYPE_SK_REUSEPORT) {
    const family = readField(kernel, sk, 'sock_common.skc_family');
    const protocol = readField(kernel, sk, 'sock.sk_protocol');
    const fits = (family === AF_INET || family === AF_INET6) && (protocol === IPPROTO_TCP || protocol === IPPROTO_UDP);
    if (!fits) return -ENOTSUPP;
  } else {
    if (prog.type !== BPF_PROG_TYPE_SOCKET_FILTER) return -EINVAL;
    if (PROG_SIZE + prog.verified.insns.length * INSN_SIZE > skStoragesOf(kernel).optmemMax) return -ENOMEM;
  }
  return attachToGroup(kernel, sk, prog);
}

/** Options about sharing ports; undefined for fds and options of others. */
export function setReuseportOption(
  kernel: KernelServices,
  fd: number,
  option: { readonly level: number; readonly name: number; readonly value: Uint8Array },
): Errno | undefined {
  const sock = sockOfFd(kernel, fd);
  if (typeof sock === 'number' || option.level !== SOL_SOCKET) return undefined;
  if (option.name === SO_DETACH_REUSEPORT_BPF) return detachFromGroup(kernel, sock.off);
  if (option.name !== SO_REUSEPORT && option.name !== SO_ATTACH_REUSEPORT_EBPF) return undefined;
  const attaches = option.name === SO_ATTACH_REUSEPORT_EBPF;
  if (attaches ? option.value.length !== 4 : option.value.length < 4) return -EINVAL;
  const value = new DataView(option.value.buffer, option.value.byteOffset).getInt32(0, true);
  if (attaches) return attach(kernel, sock.off, value);
  writeField(kernel, sock.off, 'sock_common.skc_reuseport', value === 0 ? 0 : 1);
  return 0;
}
