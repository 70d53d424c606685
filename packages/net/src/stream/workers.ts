// SPDX-License-Identifier: MIT
// What the kernel's workers do once a program has judged. @see net/core/skmsg.c, sk_psock_backlog
import { ELOOP, EPIPE, UsageError } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { psockOf } from '../sockmap/psock.ts';
import { streamsOf } from './state.ts';

/** Messages that one call may cause to be handed on: Linux would go on for ever. */
const BUDGET = 10_000;

/**
 * Lets workers hand on what waits; `transmit` sends out of a socket. Nested calls leave it to the outermost. @see sk_psock_backlog
 * @errno ELOOP UsageError: programs send messages in circles
 */
export function runWorkers(kernel: KernelServices, transmit: (sk: number, bytes: Uint8Array) => number): void {
  const streams = streamsOf(kernel);
  if (streams.working) return;
  streams.working = true;
  try {
    for (let budget = BUDGET; ; budget--) {
      const next = streams.work.shift();
      if (next === undefined) return;
      if (budget === 0) {
        streams.work = [];
        throw new UsageError(`after ${BUDGET} messages programs still send them in circles`, { errno: ELOOP });
      }
      const target = streams.ends.get(next.sk);
      if (target === undefined || psockOf(kernel, next.sk) === 0) continue;
      if (next.ingress) {
        if (next.bytes.length > 0) target.ingress.push(next.bytes);
        continue;
      }
      let sent = 0;
      for (let left = next.bytes; (sent = transmit(next.sk, left)) > 0 && sent < left.length;)
        left = left.subarray(sent);
      if (sent > 0) continue;
      // A hard error breaks the pipe for what comes later.
      target.err = sent === 0 ? EPIPE : -sent;
      target.txEnabled = false;
    }
  } finally {
    streams.working = false;
  }
}
