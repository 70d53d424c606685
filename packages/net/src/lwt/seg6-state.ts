// SPDX-License-Identifier: MIT
// The segment routing header of the packet that a CPU's program works on. @see include/net/seg6_local.h
import type { KernelServices, SubsystemKey } from '@tsbpf/core';
import type { Skb } from '../skb/skb.ts';
import { findHeader, isValidSrh, NEXTHDR_ROUTING, SRH } from './ipv6-header.ts';

/** What helpers know of the header. */
export class SrhState {
  /** Its place in kernel memory; 0 for none. */
  srh = 0;
  /** Bytes behind the first eight, which a program may have changed. */
  lenBytes = 0;
  /** Nothing was changed that must be looked at again. */
  valid = false;
}

const STATES: SubsystemKey<SrhState[]> = {
  name: 'seg6-srh',
  create: ({ env }) => Array.from({ length: env.cpus }, () => new SrhState()),
};

/** The state of the CPU that runs. */
export function srhState(kernel: KernelServices): SrhState {
  return kernel.subsystem(STATES)[kernel.env.cpu] as SrhState;
}

/** Points the state at a packet's header, or at none. @see bpf_update_srh_state */
export function updateSrhState(skb: Skb): void {
  const state = srhState(skb.kernel);
  const at = findHeader(skb, NEXTHDR_ROUTING);
  state.srh = at < 0 ? 0 : skb.data + at;
  if (state.srh === 0) return;
  state.lenBytes = skb.kernel.mem.read8(state.srh + SRH.hdrLen) << 3;
  state.valid = true;
}

/** Whether the packet has a header, and a right one: its length is set from what a program made of it. */
export function hasValidSrh(kernel: KernelServices): boolean {
  const state = srhState(kernel);
  if (state.srh === 0) return false;
  if (state.valid) return true;
  if ((state.lenBytes & 7) !== 0) return false;
  const length = (state.lenBytes >> 3) & 0xff;
  kernel.mem.write8(state.srh + SRH.hdrLen, length);
  if (!isValidSrh(kernel.mem, state.srh, (length + 1) << 3)) return false;
  state.valid = true;
  return true;
}
