// SPDX-License-Identifier: MIT
// Carrying out XDP_REDIRECT.
import { EINVAL, EMSGSIZE, ENETDOWN, ENXIO, EOPNOTSUPP, EOVERFLOW } from '@tsbpf/uapi';
import type { BpfProg } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { redirectOps } from './redirect-map.ts';
import type { XdpBuff } from './xdp-buff.ts';

/** Bytes of a VLAN tag, which a frame may have above the MTU. */
const VLAN_HLEN = 4;

/** Where XDP_REDIRECT sent a packet. */
export interface RedirectOutcome {
  /** The ifindex given to bpf_redirect, or the key given to bpf_redirect_map. */
  readonly index: number;
  /** The map bpf_redirect_map chose from. */
  readonly map?: string;
  /** 0, or -errno: the packet is lost. */
  readonly err: number;
}

/** Whether a device takes a frame of `lenBytes`: 0 or -errno. @see net/core/filter.c, xdp_ok_fwd_dev */
export function okToForward(device: NetDevice, lenBytes: number): number {
  if (!device.up) return -ENETDOWN;
  return lenBytes > device.mtu + device.hardHeaderLen + VLAN_HLEN ? -EMSGSIZE : 0;
}

/**
 * A virtual cable's end hands frames of XDP to the other end only where a program is there in its driver: otherwise nobody looks at
 * that ring, and the frames are lost. @see drivers/net/veth.c, veth_xdp_xmit
 */
function sendOn(target: NetDevice, xdp: XdpBuff): boolean {
  if (target.veth && target.peer !== undefined && target.peer.xdp.native === undefined) return false;
  target.transmit(xdp.bytes(), 'xdp-redirect');
  return true;
}

/** Frames are sent on in bulks, whose fate only a tracepoint tells; here a bulk has one. @see bq_xmit_all */
function fireDevmapXmit(from: NetDevice, target: NetDevice, err: number): void {
  const { tracepoints } = from.net.kernel;
  if (!tracepoints.active('xdp_devmap_xmit')) return;
  tracepoints.fire('xdp_devmap_xmit', [{ off: from.off }, { off: target.off }, err < 0 ? 0 : 1, err < 0 ? 1 : 0, err]);
}

/** Sends a packet through another device's driver: 0 or -errno. @see net/core/filter.c, __bpf_tx_xdp */
export function xmitTo(from: NetDevice, target: NetDevice, xdp: XdpBuff): number {
  if (!target.xdpXmit) return -EOPNOTSUPP;
  const err = okToForward(target, xdp.lenBytes);
  if (err < 0) return err;
  // The frame's own description takes the beginning of the headroom.
  if (xdp.data - xdp.metaLen < xdp.frameEnd) return -EOVERFLOW;
  const sent = sendOn(target, xdp);
  fireDevmapXmit(from, target, sent ? 0 : -ENXIO);
  return 0;
}

function xmitToDevice(from: NetDevice, target: NetDevice | undefined, xdp: XdpBuff, generic: boolean): number {
  if (target === undefined) return -EINVAL;
  if (!generic) return xmitTo(from, target, xdp);
  const err = okToForward(target, xdp.lenBytes);
  if (err === 0) target.transmit(xdp.bytes(), 'xdp-redirect');
  return err;
}

/** Carries out what the CPU's redirect record says, and clears it. @see net/core/filter.c, xdp_do_redirect */
export function doRedirect(
  from: NetDevice,
  prog: BpfProg,
  xdp: XdpBuff,
  { generic }: { generic: boolean },
): RedirectOutcome {
  const { net } = from;
  const { map, tgtIndex: index, tgtValue } = net.redirect;
  Object.assign(net.redirect, { map: undefined, tgtIndex: 0, tgtValue: 0 });
  const ops = map === undefined ? undefined : redirectOps(map);
  const device = map === undefined ? net.findDevice(index, from.netns) : undefined;
  const err =
    map !== undefined && ops !== undefined
      ? ops.redirectXmit({ map, key: index, target: tgtValue, xdp, from, generic })
      : xmitToDevice(from, device, xdp, generic);
  const name = `xdp_redirect${err < 0 ? '_err' : ''}`;
  if (net.kernel.tracepoints.active(name)) {
    const target = map === undefined ? (generic ? 0 : (device?.off ?? 0)) : tgtValue;
    const args = [from.off, prog.off, target].map((off) => ({ off }));
    net.kernel.tracepoints.fire(name, [...args, err, { off: map?.off ?? 0 }, index]);
  }
  return { index, err, ...(map === undefined ? {} : { map: map.name }) };
}
