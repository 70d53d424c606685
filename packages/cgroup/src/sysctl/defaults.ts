// SPDX-License-Identifier: MIT
import { EIO } from '@tsbpf/uapi';
import { parseIpv6 } from '@tsbpf/capture';
import { syncookiesOf } from '@tsbpf/net';
import { IPV4_SYSCTLS } from './ipv4.ts';
import type { SysctlOptions } from './sysctls.ts';

const flag = (name: string, value = 0): SysctlOptions => ({ name, type: 'int', value });
const text = (name: string, value: string): SysctlOptions => ({ name, type: 'string', value, maxLenBytes: 65 });

/** What a container engineer meets first, with the values a small machine has. Others are added by whoever needs them. */
export const DEFAULT_SYSCTLS: readonly SysctlOptions[] = [
  text('kernel/hostname', 'tsbpf'),
  text('kernel/domainname', '(none)'),
  { ...text('kernel/ostype', 'Linux'), mode: 0o444 },
  { name: 'kernel/pid_max', type: 'int', value: 32768, min: 301n, max: 4194304n },
  { name: 'kernel/printk', type: 'int', value: [4, 4, 1, 7] },
  flag('kernel/sched_autogroup_enabled', 1),
  flag('kernel/shmmni', 4096),
  { name: 'kernel/shmmax', type: 'ulong', value: 18446744073692774399n },
  { name: 'fs/file-max', type: 'ulong', value: 9223372036854775807n, max: 9223372036854775807n },
  { name: 'vm/swappiness', type: 'int', value: 60, min: 0n, max: 100n },
  { name: 'vm/overcommit_memory', type: 'int', value: 0, min: 0n, max: 2n },
  flag('net/core/somaxconn', 4096),
  { name: 'net/core/rmem_default', type: 'int', value: 212992, min: 2304n },
  { name: 'net/core/wmem_default', type: 'int', value: 212992, min: 4608n },
  { name: 'net/core/rmem_max', type: 'int', value: 212992, min: 2304n },
  { name: 'net/core/wmem_max', type: 'int', value: 212992, min: 4608n },
  flag('net/ipv4/ip_forward'),
  flag('net/ipv4/ip_nonlocal_bind'),
  {
    name: 'net/ipv4/ip_local_port_range',
    type: 'int',
    value: [32768, 60999],
    min: 1n,
    max: 65535n,
    check: ([first = 0n, last = 0n], other) => first <= last && first >= other('net/ipv4/ip_unprivileged_port_start'),
  },
  { name: 'net/ipv4/ip_unprivileged_port_start', type: 'int', value: 1024, min: 0n, max: 65535n },
  { name: 'net/ipv4/tcp_mem', type: 'ulong', value: [46347, 61799, 92694] },
  { name: 'net/ipv4/tcp_rmem', type: 'int', value: [4096, 131072, 6291456], min: 1n },
  { name: 'net/ipv4/tcp_wmem', type: 'int', value: [4096, 16384, 4194304], min: 1n },
  {
    name: 'net/ipv4/tcp_syncookies',
    type: 'int',
    value: (kernel) => {
      const state = syncookiesOf(kernel);
      return { get: () => [BigInt(state.mode)], set: ([mode = 0n]) => void (state.mode = Number(mode)) };
    },
  },
  flag('net/ipv4/tcp_ecn', 2),
  { name: 'net/ipv4/tcp_syn_retries', type: 'int', value: 6, min: 1n, max: 127n },
  flag('net/ipv4/tcp_retries2', 15),
  flag('net/ipv6/conf/all/forwarding'),
  flag('net/ipv6/conf/all/disable_ipv6'),
];

/** All eight groups, four digits each. @see lib/vsprintf.c, ip6_string */
function everyGroup(text: string): string | number {
  try {
    const hex = Array.from(parseIpv6(text), (byte) => byte.toString(16).padStart(2, '0')).join('');
    return (hex.match(/.{4}/g) ?? []).join(':');
  } catch {
    return EIO;
  }
}

/** Secrets that addresses are made of: nobody sets one by default. @see net/ipv6/addrconf.c, addrconf_sysctl_stable_secret */
const stableSecret = (device: string): SysctlOptions => ({
  name: `net/ipv6/conf/${device}/stable_secret`,
  type: 'string',
  value: '',
  mode: 0o600,
  maxLenBytes: 46,
  unsetErrno: EIO,
  // Nobody may give all devices one secret.
  parse: device === 'all' ? () => EIO : everyGroup,
});

/** What is there once somebody asks for it. */
export const MORE_SYSCTLS: readonly SysctlOptions[] = [...IPV4_SYSCTLS, ...['all', 'default', 'lo'].map(stableSecret)];
