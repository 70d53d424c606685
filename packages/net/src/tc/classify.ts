// SPDX-License-Identifier: MIT
// Asking the classifiers of a device. @see net/sched/cls_bpf.c, cls_bpf_classify
import {
  TC_ACT_OK,
  TC_ACT_PIPE,
  TC_ACT_QUEUED,
  TC_ACT_RECLASSIFY,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_UNSPEC,
} from '@tsbpf/uapi';
import type { BpfProg } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import type { Skb } from '../skb/skb.ts';
import type { TcDirection } from './filters.ts';

/** Handled in hardware only; consumed like a stolen packet. */
export const TC_ACT_TRAP = 8;

const NAMES: Readonly<Record<number, string>> = {
  [TC_ACT_UNSPEC]: 'TC_ACT_UNSPEC',
  [TC_ACT_OK]: 'TC_ACT_OK',
  [TC_ACT_RECLASSIFY]: 'TC_ACT_RECLASSIFY',
  [TC_ACT_SHOT]: 'TC_ACT_SHOT',
  [TC_ACT_STOLEN]: 'TC_ACT_STOLEN',
  [TC_ACT_QUEUED]: 'TC_ACT_QUEUED',
  [TC_ACT_REDIRECT]: 'TC_ACT_REDIRECT',
  [TC_ACT_TRAP]: 'TC_ACT_TRAP',
};
/** Verdicts a program may give by direct action; any other is "ask the next". */
const VERDICTS: ReadonlySet<number> = new Set([TC_ACT_OK, TC_ACT_SHOT, TC_ACT_STOLEN, TC_ACT_TRAP, TC_ACT_REDIRECT]);

/** Verdicts an action may give, besides going on. */
const ACTIONS: ReadonlySet<number> = new Set([TC_ACT_OK, TC_ACT_RECLASSIFY, TC_ACT_SHOT, TC_ACT_REDIRECT]);

/** What the classifiers said. */
export interface TcVerdict {
  readonly verdict: string;
  /** TC_ACT_*; TC_ACT_UNSPEC where no classifier decided. */
  readonly code: number;
  readonly classid: number;
}

function runOn(prog: BpfProg, skb: Skb, direction: TcDirection): number {
  const { kernel } = skb;
  kernel.mem.write16(skb.off + skb.layout.cb.tcClassid, 0);
  // Programs see the link header, which has been taken off on ingress.
  const linkHeader = direction === 'ingress' ? skb.macLen : 0;
  skb.push(linkHeader);
  skb.computeDataPointers();
  const result = kernel.runProg(prog, skb.off);
  skb.pull(direction === 'ingress' ? skb.macLen : 0);
  return result | 0;
}

/**
 * Actions in order, while they say to go on. What none of the known verdicts is counts as none at all; a packet that all
 * let pass is passed. @see net/sched/act_bpf.c, tcf_bpf_act
 */
function act(actions: readonly BpfProg[], skb: Skb, direction: TcDirection): number {
  for (const action of actions) {
    const result = runOn(action, skb, direction);
    // An action that leaves it open does what it was set up with: to go on.
    if (result === TC_ACT_PIPE || result === TC_ACT_UNSPEC) continue;
    return ACTIONS.has(result) ? result : TC_ACT_UNSPEC;
  }
  return TC_ACT_OK;
}

/** Asks in order until one decides. The packet's tc_index becomes the class of a packet that goes on. */
export function classify(device: NetDevice, skb: Skb, direction: TcDirection): TcVerdict {
  const { mem } = skb.kernel;
  mem.write32(skb.off + skb.layout.cb.pktLen, skb.len);
  skb.set('tc_at_ingress', direction === 'ingress' ? 1 : 0);
  let code: number = TC_ACT_UNSPEC;
  let classid = 0;
  for (const filter of device.tc[direction]) {
    const result = runOn(filter.prog, skb, direction);
    if (filter.directAction) {
      if (!VERDICTS.has(result)) continue;
      code = result;
      classid = mem.read16(skb.off + skb.layout.cb.tcClassid);
    } else {
      if (result === 0) continue;
      const action = act(filter.actions, skb, direction);
      if (action < 0) continue;
      code = action;
      classid = result === -1 ? 0 : result >>> 0;
    }
    break;
  }
  if (code === TC_ACT_OK || code === TC_ACT_RECLASSIFY) skb.set('tc_index', classid & 0xffff);
  return { verdict: NAMES[code] ?? String(code), code, classid };
}
