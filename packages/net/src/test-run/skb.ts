// SPDX-License-Identifier: MIT
// BPF_PROG_TEST_RUN of programs that see sk_buffs. @see net/bpf/test_run.c, bpf_prog_test_run_skb
import {
  BPF_PROG_TYPE_LWT_IN,
  BPF_PROG_TYPE_LWT_OUT,
  BPF_PROG_TYPE_LWT_XMIT,
  BPF_PROG_TYPE_SCHED_ACT,
  BPF_PROG_TYPE_SCHED_CLS,
  EINVAL,
  ENOMEM,
  type TestRunAttr,
} from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { netOf } from '../net-state.ts';
import { NET_SKB_PAD, skbOfFrame } from '../skb/ethernet.ts';
import { skbLayout } from '../skb/layout.ts';
import type { Skb } from '../skb/skb.ts';
import { createSock, freeSock } from '../sock/sock.ts';
import { ETH_HLEN } from '../xdp/xdp-buff.ts';
import { callFentryTargets } from './fentry-targets.ts';
import { finishRun, repeatRun } from './run.ts';
import { applyCtx, readCtx, SKB_CTX_SIZE, updateCtx, writeCtx } from './skb-ctx.ts';

const PAGE_SIZE = 4096;

/** Types whose data begins at the link header. */
const LINK_LAYER: ReadonlySet<number> = new Set([BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SCHED_ACT]);
/** Types for which v5.6 sets data_end before the run; the others find it zero. */
const DATA_POINTERS: ReadonlySet<number> = new Set([
  ...LINK_LAYER,
  BPF_PROG_TYPE_LWT_IN,
  BPF_PROG_TYPE_LWT_OUT,
  BPF_PROG_TYPE_LWT_XMIT,
]);

function runOver(
  kernel: KernelServices,
  prog: BpfProg,
  attr: TestRunAttr,
  given: { skb: Skb; ctx: Uint8Array | undefined },
): number {
  const { skb, ctx } = given;
  const linkLayer = LINK_LAYER.has(prog.type);
  if (linkLayer) skb.push(ETH_HLEN);
  if (DATA_POINTERS.has(prog.type)) skb.computeDataPointers();
  const bad = applyCtx(skb, ctx);
  if (bad < 0) return bad;
  const { retval, duration } = repeatRun(kernel, prog, { ctxOff: skb.off, repeat: attr.repeat ?? 0 });
  if (!linkLayer) {
    // The program saw no link header; the answer has one of zeroes.
    if (skb.headroom < ETH_HLEN && skb.cow(ETH_HLEN) < 0) return -ENOMEM;
    skb.push(ETH_HLEN);
    kernel.mem.fill(skb.data, ETH_HLEN, 0);
  }
  updateCtx(skb, ctx);
  const err = finishRun(kernel, attr, { data: skb.bytes(), retval, duration });
  return err === 0 ? writeCtx(attr, ctx) : err;
}

/**
 * Runs a program over an sk_buff that seems to have come from the loopback device, and belongs to a closed socket.
 * Verdicts are not carried out.
 * @errno EINVAL less data than an Ethernet header, or more than fits a page; a context that says what it may not
 * @errno E2BIG a context that is too long
 * @errno ENOSPC more data, or more context, than room: what fits is copied
 */
export function testRunSkb(kernel: KernelServices, prog: BpfProg, attr: TestRunAttr): number {
  const bytes = attr.data_in ?? new Uint8Array(0);
  const room = PAGE_SIZE - NET_SKB_PAD - skbLayout(kernel).infoSize;
  if (bytes.length < ETH_HLEN || bytes.length > room) return -EINVAL;
  const fentry = callFentryTargets(kernel.text);
  if (fentry < 0) return fentry;
  const ctx = readCtx(attr, SKB_CTX_SIZE);
  if (typeof ctx === 'number') return ctx;

  const net = netOf(kernel);
  const sock = createSock(kernel, { netns: net.initNs, uid: 0 });
  if (sock === undefined) return -ENOMEM;
  const skb = skbOfFrame(kernel, net.device(1), bytes);
  if (skb === undefined) {
    freeSock(kernel, sock);
    return -ENOMEM;
  }
  skb.sk = sock.off;
  try {
    return runOver(kernel, prog, attr, { skb, ctx });
  } finally {
    skb.free();
    freeSock(kernel, sock);
  }
}
