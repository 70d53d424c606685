// SPDX-License-Identifier: MIT
// Context rewrites against those of the running kernel, given its BTF, where v5.6 and later kernels emit the same. Needs
// root; loads programs and attaches none.
import {
  BPF_CGROUP_GETSOCKOPT,
  BPF_CGROUP_INET4_POST_BIND,
  BPF_CGROUP_INET_EGRESS,
  BPF_CGROUP_INET_SOCK_CREATE,
  BPF_CGROUP_SETSOCKOPT,
  BPF_CGROUP_SYSCTL,
  BPF_CGROUP_UDP4_SENDMSG,
  BPF_CGROUP_UDP6_SENDMSG,
  BPF_CGROUP_SOCK_OPS,
  BPF_DW,
  BPF_W,
} from '@tsbpf/uapi';
import { Btf } from '@tsbpf/btf';
import { createKernelTypes, type ProgTypeDef } from '@tsbpf/core';
import { createHost } from '@tsbpf/host';
import { exit, formatInsn, ldxMem, mov64Imm, mov64Reg, stxMem, type Insn } from '@tsbpf/insn';
import { progFacts, translatedProgram } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { cgroupSkbProgType } from '../prog-types/cgroup-skb.ts';
import { cgroupSockAddrProgType } from '../prog-types/cgroup-sock-addr.ts';
import { cgroupSockProgType } from '../prog-types/cgroup-sock.ts';
import { cgroupSockoptProgType } from '../prog-types/cgroup-sockopt.ts';
import { cgroupSysctlProgType } from '../prog-types/cgroup-sysctl.ts';
import { sockOpsProgType } from '../prog-types/sock-ops.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const host = isRoot ? createHost() : undefined;
const blob = host?.readFile('/sys/kernel/btf/vmlinux');
const usable = blob instanceof Uint8Array;
if (!usable) console.log('skipped: rewrites are compared as root on a Linux with BTF');
const types = usable ? createKernelTypes(new Btf(blob)) : undefined;
const env = { vmlinux: undefined, types: undefined, progType: () => undefined };

/** Accesses that later kernels rewrite differently, or refuse: type, offset, since when and why. */
const LATER: readonly [type: string, off: number, why: string][] = [
  ['cgroup_skb', 84, 'napi_id is compared with a limit of the configuration'],
  ['cgroup_skb', 152, 'tstamp: 5.18 tells mono from wall clocks'],
  ['cgroup_sockopt', 36, 'retval: moved to the task in 5.18'],
];

/** Since 6.15 another flag is asked before members of a TCP socket: whether the socket is locked, too. */
function asFullsock(line: string): string {
  const locked = types?.tryResolve('bpf_sock_ops_kern.is_locked_tcp_sock');
  const full = types?.tryResolve('bpf_sock_ops_kern.is_fullsock');
  return locked === undefined ? line : line.replace(`*(u8 *)(r6 +${locked.off})`, `*(u8 *)(r6 +${full?.off})`);
}

const differs = (def: ProgTypeDef, off: number): boolean => LATER.some(([type, at]) => type === def.name && at === off);

const contexts: [def: ProgTypeDef, attach: number, bytes: number][] = [
  [cgroupSkbProgType, BPF_CGROUP_INET_EGRESS, 176],
  [cgroupSockProgType, BPF_CGROUP_INET_SOCK_CREATE, 76],
  [cgroupSockProgType, BPF_CGROUP_INET4_POST_BIND, 76],
  [cgroupSockAddrProgType, BPF_CGROUP_UDP4_SENDMSG, 72],
  [cgroupSockAddrProgType, BPF_CGROUP_UDP6_SENDMSG, 72],
  [sockOpsProgType, BPF_CGROUP_SOCK_OPS, 192],
  [cgroupSysctlProgType, BPF_CGROUP_SYSCTL, 8],
  [cgroupSockoptProgType, BPF_CGROUP_GETSOCKOPT, 40],
  [cgroupSockoptProgType, BPF_CGROUP_SETSOCKOPT, 40],
];

const cases = contexts.flatMap(([def, attach, bytes]) => {
  const prog = progFacts({ expectedAttachType: attach });
  const out: [name: string, def: ProgTypeDef, attach: number, off: number, size: number, write: boolean][] = [];
  for (let off = 0; off < bytes; off += 4) {
    for (const size of [4, 8]) {
      for (const write of [false, true]) {
        const info = def.verifier.isValidAccess({ off, size, write, prog }, env);
        if (typeof info !== 'object' || differs(def, off)) continue;
        const insn = write ? stxMem(BPF_W, 1, 2, off) : ldxMem(BPF_W, 2, 1, off);
        const known = types === undefined || def.verifier.convertCtxAccess?.({ write, insn, off, size, prog, types });
        if (typeof known === 'object' && known.insns.length === 0) continue;
        const what = `${write ? 'store' : 'load'} of ${size} at ${off}`;
        out.push([`${def.name}, attach type ${attach}: ${what}`, def, attach, off, size, write]);
      }
    }
  }
  return out;
});

describe.skipIf(!usable)('rewrites equal the running kernel’s', () => {
  test.each(cases)('%s', (_name, def, attach, off, size, write) => {
    if (host === undefined || types === undefined) return;
    const code = size === 8 ? BPF_DW : BPF_W;
    const insn = write ? stxMem(code, 6, 2, off) : ldxMem(code, 2, 6, off);
    const before = [mov64Reg(6, 1), mov64Imm(2, 7)];
    const theirs = translatedProgram(host, { prog_type: def.type, expected_attach_type: attach }, [
      ...before,
      insn,
      mov64Imm(0, 1),
      exit(),
    ]);
    const prog = progFacts({ expectedAttachType: attach });
    const ours = def.verifier.convertCtxAccess?.({ write, insn, off, size, prog, types })?.insns ?? [];
    const text = (insns: readonly Insn[]): string[] => insns.map((_, at) => formatInsn(insns, at));
    expect(text([...before, ...ours])).toEqual(text(theirs.slice(0, -2)).map(asFullsock));
  });
});
