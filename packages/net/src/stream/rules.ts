// SPDX-License-Identifier: MIT
// What socket maps did differently before some version of Linux. Each row is a behaviour of older kernels.
import { versionAtLeast, type KernelServices, type KernelVersion } from '@tsbpf/core';

export interface StreamRule {
  readonly name: string;
  /** A version that behaves otherwise: the first where that is known. */
  readonly until: KernelVersion;
  readonly what: string;
}

export const STREAM_RULES = [
  {
    name: 'reader-misses-end',
    until: '5.8',
    what: 'who reads without waiting in a map meets the end of the stream once, and never where it came with bytes',
  },
  {
    name: 'handed-on-unjudged',
    until: '5.13',
    what: 'what a verdict sends out of another socket does not pass the message program of that socket',
  },
  {
    name: 'error-lets-messages-in',
    until: '5.13',
    what: 'a socket through which something could not be sent still gets what message programs redirect into it',
  },
  {
    name: 'message-brings-whole-skbs',
    until: '5.16',
    what: 'a parsed message is handed on with all bytes of the sk_buffs it touches',
  },
  {
    name: 'reader-takes-unparsed',
    until: '5.16',
    what: 'a reader gets bytes that the stream parser waits to see more of',
  },
  {
    name: 'unconnected-leaves-maps',
    until: '5.16',
    what: 'a socket leaves its maps with the end of its connection, not when it is closed',
  },
  {
    name: 'failed-redirect-holds',
    until: '5.16',
    what: 'a redirect that failed is tried again with the next message, which the program is not asked about',
  },
  {
    name: 'parser-hides-errors',
    until: '5.16',
    what: 'who reads without waiting in a map with a stream parser does not meet the error of the connection',
  },
  {
    name: 'ingress-apply-loses-rest',
    until: '6.2',
    what: 'redirecting apply_bytes of an element into a socket loses what is left of the element',
  },
  {
    name: 'apply-forgets-ingress',
    until: '6.2',
    what: 'the direction of a redirect holds for one call; later ones under the same verdict go out',
  },
  {
    name: 'negative-count',
    until: '6.12',
    what: 'dropping a message gathered over several calls answers a count below zero',
  },
  {
    name: 'push-not-at-end',
    until: '6.13',
    what: 'bytes cannot be pushed behind the last one',
  },
  {
    name: 'change-by-nothing',
    until: '6.13',
    what: 'pushing no bytes fails for want of memory, and popping none splits an element',
  },
  {
    name: 'pop-not-to-end',
    until: '6.13',
    what: 'the last byte cannot be popped',
  },
  {
    name: 'pop-mistakes-element',
    until: '6.13',
    what: 'popping behind the first element cuts at the wrong place, and skips elements',
  },
] as const satisfies readonly StreamRule[];

export type StreamRuleName = (typeof STREAM_RULES)[number]['name'];

/** Whether the simulated kernel still behaves as the rule says. */
export function streamRule(kernel: Pick<KernelServices, 'version'>, name: StreamRuleName): boolean {
  const rule = STREAM_RULES.find((row) => row.name === name);
  return rule !== undefined && !versionAtLeast(kernel.version, rule.until);
}
