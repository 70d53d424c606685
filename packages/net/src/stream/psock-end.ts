// SPDX-License-Identifier: MIT
// A socket leaves the last of its socket maps: what they kept for it goes. @see net/core/skmsg.c, sk_psock_destroy_deferred
import type { KernelServices } from '@tsbpf/core';
import { SkMsg } from './sk-msg.ts';
import { streamsOf } from './state.ts';

/** The stream parser stops: what it has of a message is lost. */
export function stopParser(kernel: KernelServices, sk: number): void {
  const end = streamsOf(kernel).ends.get(sk);
  if (end === undefined) return;
  end.message = undefined;
  end.needBytes = 0;
  end.parserStopped = false;
}

/** Messages nobody has read, and those that were being gathered, are lost. */
export function dropPsockState(kernel: KernelServices, sk: number): void {
  const end = streamsOf(kernel).ends.get(sk);
  if (end === undefined) return;
  stopParser(kernel, sk);
  if (end.cork !== 0) new SkMsg(kernel, end.cork).free();
  Object.assign(end, {
    ingress: [],
    verdict: 'none',
    applyBytes: 0,
    corkBytes: 0,
    cork: 0,
    redirectTo: 0,
    txEnabled: true,
  });
}
