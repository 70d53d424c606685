// SPDX-License-Identifier: MIT
// BPF_PROG_TEST_RUN of XDP programs. @see net/bpf/test_run.c, bpf_prog_test_run_xdp
import { EINVAL, ENOMEM, type TestRunAttr } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { netOf } from '../net-state.ts';
import { createXdpPacket, ETH_HLEN, XDP_PACKET_HEADROOM } from '../xdp/xdp-buff.ts';
import { callFentryTargets } from './fentry-targets.ts';
import { finishRun, repeatRun } from './run.ts';

const PAGE_SIZE = 4096;

/**
 * Runs an XDP program over a packet that seems to come from the loopback device. Verdicts are not carried out.
 * @errno EINVAL a context was given, or less data than an Ethernet header or more than fits a page with its headroom
 */
export function testRunXdp(kernel: KernelServices, prog: BpfProg, attr: TestRunAttr): number {
  const bytes = attr.data_in ?? new Uint8Array(0);
  if (attr.ctx_in !== undefined || attr.ctx_out !== undefined) return -EINVAL;
  if (bytes.length < ETH_HLEN || bytes.length > PAGE_SIZE - XDP_PACKET_HEADROOM) return -EINVAL;
  const loopback = netOf(kernel).device(1);
  const packet = createXdpPacket(kernel, { bytes, rxq: loopback.rxqs[0] ?? 0, tailroom: 0 });
  if (packet === undefined) return -ENOMEM;
  try {
    const fentry = callFentryTargets(kernel.text);
    if (fentry < 0) return fentry;
    const { retval, duration } = repeatRun(kernel, prog, { ctxOff: packet.xdp.off, repeat: attr.repeat ?? 0 });
    return finishRun(kernel, attr, { data: packet.xdp.bytes(), retval, duration });
  } finally {
    packet.free();
  }
}
