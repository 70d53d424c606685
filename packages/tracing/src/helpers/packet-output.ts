// SPDX-License-Identifier: MIT
// Samples with the beginning of a packet behind the program's own data. @see net/core/filter.c, bpf_skb_event_output
import { BPF_F_CTXLEN_MASK, BPF_F_INDEX_MASK, EFAULT, EINVAL, ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import { defineHelper, type HelperImpl, type HelperRow, type KernelServices } from '@tsbpf/core';
import { eventOutput, mapArg, wideArg } from '@tsbpf/helpers';
import type { PerfEventArrayMap } from '../perf/perf-event-array.ts';

/** Where a packet lies in memory. */
interface Packet {
  readonly off: number;
  readonly lenBytes: number;
}

function skbPacket({ mem, types }: KernelServices, skb: number): Packet {
  const at = (member: string): number => skb + types.resolve(`sk_buff.${member}`).off;
  if (mem.read32(at('data_len')) !== 0) {
    throw new NotSupportedError('a sample of a packet whose data is not all linear', {
      errno: ENOSYS,
      feature: 'event output of paged packets',
    });
  }
  return { off: mem.toOff(mem.read64(at('data'))), lenBytes: mem.read32(at('len')) };
}

function xdpPacket({ mem, types }: KernelServices, xdp: number): Packet {
  const pointer = (member: string): number => mem.toOff(mem.read64(xdp + types.resolve(`xdp_buff.${member}`).off));
  const off = pointer('data');
  return { off, lenBytes: pointer('data_end') - off };
}

/** (ctx, map, flags, data, size); bits 32 to 51 of the flags say how much of the packet to add. */
const output = (packetOf: (kernel: KernelServices, ctx: number) => Packet): HelperImpl => ({
  retWidth: 'sext',
  wideArgs: [3],
  call(call, ctx, map, low, data, size) {
    const { kernel } = call;
    const flags = wideArg(call, 3, low);
    if ((flags & ~(BPF_F_CTXLEN_MASK | BPF_F_INDEX_MASK)) !== 0n) return -EINVAL;
    const packetBytes = Number((flags & BPF_F_CTXLEN_MASK) >> 32n);
    const packet = packetOf(kernel, ctx >>> 0);
    if (packetBytes > packet.lenBytes) return -EFAULT;
    const raw = new Uint8Array(size + packetBytes);
    raw.set(kernel.mem.readBytes(data, size));
    raw.set(kernel.mem.readBytes(packet.off, packetBytes), size);
    return eventOutput(kernel, mapArg(call, map) as PerfEventArrayMap, flags, raw);
  },
});

export const packetOutputHelpers: readonly HelperRow[] = [
  defineHelper('bpf_skb_event_output', output(skbPacket)),
  defineHelper('bpf_skb_output', output(skbPacket)),
  defineHelper('bpf_xdp_event_output', output(xdpPacket)),
];
