// SPDX-License-Identifier: MIT
// TCP congestion controls made of programs: what may be registered, and when it is. @see net/ipv4/bpf_tcp_ca.c
import { EEXIST, EINVAL } from '@tsbpf/uapi';
import type { KernelServices, StructOpsRow } from '@tsbpf/core';
import { TCP_CONG_NEEDS_ECN, TCP_CONG_NON_RESTRICTED } from '../ca/congestion-control.ts';
import { bpfCongestionControl, tableName } from '../ca/bpf-control.ts';
import { tcpOf } from '../tcp.ts';
import { tcpCongestionOpsRules } from './rules.ts';

/** Bytes of a name, its NUL included. @see include/net/tcp.h, TCP_CA_NAME_MAX */
const NAME_MAX = 16;
const KNOWN_FLAGS = TCP_CONG_NON_RESTRICTED | TCP_CONG_NEEDS_ECN;

/** Letters of Latin-1 count, too. @see lib/ctype.c */
function isNameByte(byte: number): boolean {
  const char = String.fromCharCode(byte);
  return /[A-Za-z0-9_.]/.test(char) || (byte >= 0xc0 && byte !== 0xd7 && byte !== 0xf7);
}

/** The name in a member, up to its NUL; undefined where it is empty, too long or has characters that no name has. */
function nameIn(value: Uint8Array): string | undefined {
  const end = value.subarray(0, NAME_MAX).indexOf(0);
  if (end <= 0) return undefined;
  const name = value.subarray(0, end);
  return name.every(isNameByte) ? String.fromCharCode(...name) : undefined;
}

function initMember(kernel: KernelServices, member: { name: string; value: Uint8Array; dst: number }): number {
  const { name, value, dst } = member;
  const word = (): number => new DataView(value.buffer, value.byteOffset, value.length).getUint32(0, true);
  switch (name) {
    case 'flags':
      if ((word() & ~KNOWN_FLAGS) !== 0) return -EINVAL;
      kernel.mem.writeBytes(dst, value);
      return 1;
    case 'name': {
      const given = nameIn(value);
      if (given === undefined) return -EINVAL;
      if (tcpOf(kernel).congestion.find(given) !== undefined) return -EEXIST;
      kernel.mem.writeBytes(dst, value.subarray(0, given.length + 1));
      return 1;
    }
    default:
      return tcpCongestionOpsRules.mandatory.includes(name) && word() === 0 ? -EINVAL : 0;
  }
}

/** `tcp_congestion_ops`: the one table of functions that BPF may implement in v5.6. */
export const tcpCongestionOps: StructOpsRow = {
  ...tcpCongestionOpsRules,
  initMember,
  register(kernel, instance) {
    const control = bpfCongestionControl(kernel, instance);
    const given = {
      ssthresh: instance.member('ssthresh') !== undefined,
      undoCwnd: instance.member('undo_cwnd') !== undefined,
    };
    return tcpOf(kernel).congestion.register(control, given);
  },
  unregister(kernel, instance) {
    tcpOf(kernel).congestion.unregister(tableName(kernel, instance.off));
  },
};
