// SPDX-License-Identifier: MIT
// A packet meets an XDP program, and its verdict is carried out.
import { XDP_ABORTED, XDP_ACTION_NAMES, XDP_DROP, XDP_PASS, XDP_REDIRECT, XDP_TX } from '@tsbpf/uapi';
import type { BpfProg } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { doRedirect, type RedirectOutcome } from './redirect.ts';
import type { XdpBuff } from './xdp-buff.ts';

/** What became of a packet at XDP. */
export interface XdpOutcome {
  /** The verdict's name; a verdict that does not exist counts as XDP_ABORTED. */
  readonly action: string;
  /** R0 as returned, 32 bits. */
  readonly code: number;
  readonly redirect?: RedirectOutcome;
}

/**
 * Runs a program on a packet and carries its verdict out, except that a passed packet is the caller's to hand on.
 * @see drivers/net/veth.c, veth_xdp_rcv_one; net/core/dev.c, netif_receive_generic_xdp
 */
export function runXdp(device: NetDevice, prog: BpfProg, xdp: XdpBuff, mode: { generic: boolean }): XdpOutcome {
  const { net } = device;
  const code = net.kernel.runProg(prog, xdp.off);
  const exception = (): void =>
    net.kernel.tracepoints.fire('xdp_exception', [{ off: device.off }, { off: prog.off }, code]);
  switch (code) {
    case XDP_PASS:
    case XDP_DROP:
      break;
    case XDP_TX:
      device.transmit(xdp.bytes(), 'xdp-tx');
      break;
    case XDP_REDIRECT: {
      const redirect = doRedirect(device, prog, xdp, mode);
      return { action: 'XDP_REDIRECT', code, redirect };
    }
    default:
      if (code !== XDP_ABORTED) {
        net.warnOnce(`Illegal XDP return value ${code}, expect packet loss!`, 'xdp-action');
      }
      exception();
  }
  return { action: XDP_ACTION_NAMES[code] ?? 'XDP_ABORTED', code };
}
