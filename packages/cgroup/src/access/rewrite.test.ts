// SPDX-License-Identifier: MIT
// What v5.6 makes of each kind of context access, with the offsets of our own BTF.
import type { ProgTypeDef } from '@tsbpf/core';
import { formatInsn, ldxMem, stxMem } from '@tsbpf/insn';
import { createTestKernel, progFacts } from '@tsbpf/testkit';
import { BPF_DW, BPF_W } from '@tsbpf/uapi';
import { describe, expect, test } from 'vitest';
import { cgroupSockAddrProgType } from '../prog-types/cgroup-sock-addr.ts';
import { cgroupSockProgType } from '../prog-types/cgroup-sock.ts';
import { cgroupSockoptProgType } from '../prog-types/cgroup-sockopt.ts';
import { cgroupSysctlProgType } from '../prog-types/cgroup-sysctl.ts';
import { sockOpsProgType } from '../prog-types/sock-ops.ts';

const { types } = createTestKernel();

/** Rewrites a load of r3 from r1, or a store of r2 (or `src`) to r1; members in `lines` stand for their offsets. */
function rewrite(
  def: ProgTypeDef,
  off: number,
  options: { size?: 4 | 8; store?: boolean; src?: number; dst?: number },
) {
  const { size = 4, store = false, src, dst } = options;
  const code = size === 8 ? BPF_DW : BPF_W;
  const insn = store ? stxMem(code, dst ?? 1, src ?? 2, off) : ldxMem(code, dst ?? 3, src ?? 1, off);
  const out = def.verifier.convertCtxAccess?.({ write: store, insn, off, size, prog: progFacts(), types });
  return { lines: out?.insns.map((_, i) => formatInsn(out.insns, i)), targetSize: out?.targetSize };
}

const offsets = (line: string): string =>
  line.replace(/\{([^}]+)\}/, (_, path: string) => {
    const [member, plus = '0'] = path.split('+') as [string, string?];
    return String(types.resolve(member).off + Number(plus));
  });

type Case = [
  what: string,
  def: ProgTypeDef,
  off: number,
  options: Parameters<typeof rewrite>[2],
  lines: string[],
  target?: number,
];

const SAVE = (reg: number, member: string): [string, string] => [
  `*(u64 *)(r1 +{${member}}) = r${reg}`,
  `r${reg} = *(u64 *)(r1 +{${member}})`,
];
const [SAVE_9, BACK_9] = SAVE(9, 'bpf_sock_addr_kern.tmp_reg');
const UADDR = '(r1 +{bpf_sock_addr_kern.uaddr})';
const T_CTX = '(r1 +{bpf_sock_addr_kern.t_ctx})';
const FULL = 'r3 = *(u32 *)(r1 +{bpf_sock_ops_kern.is_fullsock})';
const OPS_SK = 'r3 = *(u64 *)(r1 +{bpf_sock_ops_kern.sk})';

const cases: Case[] = [
  ['family', cgroupSockProgType, 4, {}, ['r3 = *(u16 *)(r1 +{sock_common.skc_family})'], 2],
  ['type', cgroupSockProgType, 8, {}, ['r3 = *(u16 *)(r1 +{sock.sk_type})'], 2],
  ['mark', cgroupSockProgType, 16, { store: true }, ['*(u32 *)(r1 +{sock.sk_mark}) = r2']],
  ['dst_ip6[2]', cgroupSockProgType, 64, {}, ['r3 = *(u32 *)(r1 +{sock_common.skc_v6_daddr+8})'], 4],
  ['state', cgroupSockProgType, 72, {}, ['r3 = *(u8 *)(r1 +{sock_common.skc_state})'], 1],

  ['user_family', cgroupSockAddrProgType, 0, {}, [`r3 = *(u64 *)${UADDR}`, 'r3 = *(u16 *)(r3 +0)']],
  ['user_ip4', cgroupSockAddrProgType, 4, {}, [`r3 = *(u64 *)${UADDR}`, 'r3 = *(u32 *)(r3 +4)'], 4],
  ['user_ip6 pair', cgroupSockAddrProgType, 16, { size: 8 }, [`r3 = *(u64 *)${UADDR}`, 'r3 = *(u64 *)(r3 +16)']],
  ['user_port', cgroupSockAddrProgType, 24, {}, [`r3 = *(u64 *)${UADDR}`, 'r3 = *(u16 *)(r3 +2)']],
  [
    'store to user_ip4',
    cgroupSockAddrProgType,
    4,
    { store: true },
    [SAVE_9, `r9 = *(u64 *)${UADDR}`, '*(u32 *)(r9 +4) = r2', BACK_9],
  ],
  [
    'store to user_port, of r9',
    cgroupSockAddrProgType,
    24,
    { store: true, src: 9 },
    [
      SAVE(8, 'bpf_sock_addr_kern.tmp_reg')[0],
      `r8 = *(u64 *)${UADDR}`,
      '*(u16 *)(r8 +2) = r9',
      SAVE(8, 'bpf_sock_addr_kern.tmp_reg')[1],
    ],
  ],
  [
    'store to a pair of msg_src_ip6',
    cgroupSockAddrProgType,
    48,
    { store: true, size: 8 },
    [SAVE_9, `r9 = *(u64 *)${T_CTX}`, '*(u64 *)(r9 +4) = r2', BACK_9],
  ],
  ['msg_src_ip4', cgroupSockAddrProgType, 40, {}, [`r3 = *(u64 *)${T_CTX}`, 'r3 = *(u32 *)(r3 +0)'], 4],
  [
    'protocol',
    cgroupSockAddrProgType,
    36,
    {},
    ['r3 = *(u64 *)(r1 +{bpf_sock_addr_kern.sk})', 'r3 = *(u16 *)(r3 +{sock.sk_protocol})'],
  ],
  ['sk', cgroupSockAddrProgType, 64, { size: 8 }, ['r3 = *(u64 *)(r1 +{bpf_sock_addr_kern.sk})']],
  ['the gap before sk', cgroupSockAddrProgType, 60, {}, [], 0],
  ['the upper half of sk', cgroupSockAddrProgType, 68, {}, [], 0],

  ['op', sockOpsProgType, 0, {}, ['r3 = *(u32 *)(r1 +{bpf_sock_ops_kern.op})']],
  ['args[2]', sockOpsProgType, 12, {}, ['r3 = *(u32 *)(r1 +{bpf_sock_ops_kern.replylong+8})']],
  ['reply', sockOpsProgType, 4, { store: true }, ['*(u32 *)(r1 +{bpf_sock_ops_kern.replylong}) = r2']],
  ['family', sockOpsProgType, 20, {}, [OPS_SK, 'r3 = *(u16 *)(r3 +{sock_common.skc_family})']],
  ['local_ip6[3]', sockOpsProgType, 60, {}, [OPS_SK, 'r3 = *(u32 *)(r3 +{sock_common.skc_v6_rcv_saddr+12})']],
  ['remote_port', sockOpsProgType, 64, {}, [OPS_SK, 'r3 = *(u16 *)(r3 +{sock_common.skc_dport})', 'w3 <<= 16']],
  ['rtt_min', sockOpsProgType, 92, {}, [OPS_SK, 'r3 = *(u32 *)(r3 +{tcp_sock.rtt_min+4})']],
  ['is_fullsock', sockOpsProgType, 72, {}, [FULL]],
  [
    'snd_cwnd',
    sockOpsProgType,
    76,
    {},
    [FULL, 'if r3 == 0x0 goto pc+2', OPS_SK, 'r3 = *(u32 *)(r3 +{tcp_sock.snd_cwnd})'],
  ],
  [
    'ecn_flags',
    sockOpsProgType,
    116,
    {},
    [FULL, 'if r3 == 0x0 goto pc+2', OPS_SK, 'r3 = *(u8 *)(r3 +{tcp_sock.ecn_flags})'],
  ],
  [
    'bytes_acked',
    sockOpsProgType,
    176,
    { size: 8 },
    [FULL, 'if r3 == 0x0 goto pc+2', OPS_SK, 'r3 = *(u64 *)(r3 +{tcp_sock.bytes_acked})'],
  ],
  ['sk', sockOpsProgType, 184, { size: 8 }, [FULL, 'if r3 == 0x0 goto pc+1', OPS_SK]],
  ['the upper half of sk', sockOpsProgType, 188, {}, [], 0],
  [
    'snd_una into the register of the context: 5.6 overwrites it',
    sockOpsProgType,
    108,
    { dst: 1, src: 1 },
    [
      'r1 = *(u32 *)(r1 +{bpf_sock_ops_kern.is_fullsock})',
      'if r1 == 0x0 goto pc+2',
      'r1 = *(u64 *)(r1 +{bpf_sock_ops_kern.sk})',
      'r1 = *(u32 *)(r1 +{tcp_sock.snd_una})',
    ],
  ],
  [
    'store to sk_txhash',
    sockOpsProgType,
    164,
    { store: true },
    [
      SAVE(9, 'bpf_sock_ops_kern.temp')[0],
      'r9 = *(u32 *)(r1 +{bpf_sock_ops_kern.is_fullsock})',
      'if r9 == 0x0 goto pc+2',
      'r9 = *(u64 *)(r1 +{bpf_sock_ops_kern.sk})',
      '*(u32 *)(r9 +{sock.sk_txhash}) = r2',
      SAVE(9, 'bpf_sock_ops_kern.temp')[1],
    ],
  ],

  ['write', cgroupSysctlProgType, 0, {}, ['r3 = *(u32 *)(r1 +{bpf_sysctl_kern.write})'], 4],
  ['file_pos', cgroupSysctlProgType, 4, {}, ['r3 = *(u64 *)(r1 +{bpf_sysctl_kern.ppos})', 'r3 = *(u32 *)(r3 +0)'], 4],
  [
    'store to file_pos through r9 of r8',
    cgroupSysctlProgType,
    4,
    { store: true, dst: 9, src: 8 },
    [
      '*(u64 *)(r9 +{bpf_sysctl_kern.tmp_reg}) = r7',
      'r7 = *(u64 *)(r9 +{bpf_sysctl_kern.ppos})',
      '*(u32 *)(r7 +0) = r8',
      'r7 = *(u64 *)(r9 +{bpf_sysctl_kern.tmp_reg})',
    ],
  ],

  ['optval', cgroupSockoptProgType, 8, { size: 8 }, ['r3 = *(u64 *)(r1 +{bpf_sockopt_kern.optval})']],
  ['retval', cgroupSockoptProgType, 36, { store: true }, ['*(u32 *)(r1 +{bpf_sockopt_kern.retval}) = r2']],
  ['the upper half of sk', cgroupSockoptProgType, 4, {}, [], 0],
];

describe('context rewrites', () => {
  test.each(cases.map((c) => [c[1].name, ...c] as const))(
    '%s: %s',
    (_type, _what, def, off, options, lines, target) => {
      const ours = rewrite(def, off, options);
      expect(ours.lines).toEqual(lines.map((line) => offsets(line)));
      if (target !== undefined) expect(ours.targetSize).toBe(target);
    },
  );

  test('every field whose narrow loads are widened has a target size', () => {
    for (const def of [cgroupSockProgType, cgroupSockAddrProgType, cgroupSysctlProgType]) {
      for (const attach of def.expectedAttachTypes ?? [0]) {
        const prog = progFacts({ expectedAttachType: attach });
        for (let off = 0; off < 80; off += 4) {
          const env = { vmlinux: undefined, types: undefined, progType: () => undefined };
          const info = def.verifier.isValidAccess({ off, size: 4, write: false, prog }, env);
          if (typeof info !== 'object' || info.ctxFieldSize === 0) continue;
          expect(rewrite(def, off, {}).targetSize, `${def.name} ${off}`).toBeGreaterThan(0);
        }
      }
    }
  });
});
