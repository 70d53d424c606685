// SPDX-License-Identifier: MIT
// LD_ABS and LD_IND: loads from the packet of an sk_buff in R6, in network byte order.
import { ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import type { RunState } from './state.ts';

/**
 * R0 = the packet's bytes, zero-extended. False outside of the packet: R0 is 0 and the function returns.
 * @see net/core/filter.c, bpf_skb_load_helper_8 and its siblings
 */
export function loadPacket(run: RunState, lenBytes: number, packetOff: number): boolean {
  const { lo, hi, mem } = run;
  const access = run.host.packets;
  if (access === undefined) {
    throw new NotSupportedError('LD_ABS and LD_IND need an sk_buff, which bare programs do not have', {
      errno: ENOSYS,
      feature: 'LD_ABS in bare programs',
    });
  }
  const skb = lo[6] >>> 0;
  lo[0] = 0;
  hi[0] = 0;
  const at = access.linear(mem, skb, packetOff, lenBytes);
  if (at !== undefined) {
    if (lenBytes === 1) lo[0] = mem.read8(at);
    else if (lenBytes === 2) lo[0] = mem.view.getUint16(at, false);
    else lo[0] = mem.view.getUint32(at, false);
    return true;
  }
  const bytes = packetOff >= 0 ? access.paged?.(skb, packetOff, lenBytes) : undefined;
  if (bytes === undefined) return false;
  for (const byte of bytes) lo[0] = (lo[0] << 8) | byte;
  return true;
}
