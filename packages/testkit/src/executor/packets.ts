// SPDX-License-Identifier: MIT
// LD_ABS and LD_IND on an sk_buff.
import { BPF_B, BPF_H, BPF_W } from '@tsbpf/uapi';
import { exit, ldAbs, ldInd, mov64Imm, mov64Reg, type ProgramItem } from '@tsbpf/insn';
import type { ExecKernel } from '../exec-kernel.ts';
import type { ExecutorCase } from './case.ts';

/** An sk_buff with 4 bytes of headroom, a link layer header of 2 and a network header behind it. */
function skb(k: ExecKernel): number {
  const { mem, types } = k.state;
  const head = mem.alloc(64);
  mem.writeBytes(
    head,
    Uint8Array.from({ length: 64 }, (_, i) => i),
  );
  const off = mem.alloc(types.sizeOf('sk_buff'));
  const put = (member: string, value: number): void => {
    const field = types.resolve(`sk_buff.${member}`);
    if (field.size === 8) mem.write64(off + field.off, mem.toAddr(value));
    else if (field.size === 4) mem.write32(off + field.off, value);
    else mem.write16(off + field.off, value);
  };
  put('head', head);
  put('data', head + 4);
  put('tail', 20);
  put('len', 16);
  put('mac_header', 4);
  put('network_header', 6);
  return off;
}

function load(k: ExecKernel, ...items: ProgramItem[]): bigint {
  return k.run(k.load([mov64Reg(6, 1), mov64Imm(0, 99), ...items, exit()]), skb(k));
}

export const packetCases: readonly ExecutorCase[] = [
  {
    name: 'packet loads are big-endian, and count from the data, the network header or the link layer',
    run: (k) => [
      load(k, ldAbs(BPF_B, 1)),
      load(k, ldAbs(BPF_H, 1)),
      load(k, ldAbs(BPF_W, 12)),
      load(k, mov64Imm(7, 3), ldInd(BPF_H, 7, -2)),
      load(k, ldAbs(BPF_B, -0x100000 + 3)),
      load(k, ldAbs(BPF_H, -0x200000)),
    ],
    expected: [5n, 0x0506n, 0x10111213n, 0x0506n, 9n, 0x0405n],
  },
  {
    name: 'outside of the packet the program returns 0',
    run: (k) => [
      load(k, ldAbs(BPF_B, 16), mov64Imm(0, 1)),
      load(k, ldAbs(BPF_W, 13), mov64Imm(0, 1)),
      load(k, mov64Imm(7, -20), ldInd(BPF_B, 7, 0), mov64Imm(0, 1)),
      load(k, ldAbs(BPF_B, -0x100000 + 20), mov64Imm(0, 1)),
    ],
    expected: [0n, 0n, 0n, 0n],
  },
];
