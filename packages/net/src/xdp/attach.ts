// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_XDP, EBUSY, EEXIST, EINVAL, EOPNOTSUPP } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';

/** Refuse to replace an attached program. @see include/uapi/linux/if_link.h */
export const XDP_FLAGS_UPDATE_IF_NOEXIST = 1;
/** Run on sk_buffs, whatever the driver can. */
export const XDP_FLAGS_SKB_MODE = 2;
/** Run in the driver. */
export const XDP_FLAGS_DRV_MODE = 4;
/** Run in the hardware, which no simulated device has. */
export const XDP_FLAGS_HW_MODE = 8;

const MODES = XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE | XDP_FLAGS_HW_MODE;
const ALL_FLAGS = XDP_FLAGS_UPDATE_IF_NOEXIST | MODES;

/** The XDP programs of a device. v5.6 lets only one of them be set. */
export interface XdpSlots {
  readonly native: BpfProg | undefined;
  readonly generic: BpfProg | undefined;
}

function progOf(kernel: KernelServices, prog: BpfProg | number): BpfProg | number {
  if (typeof prog !== 'number') return prog.type === BPF_PROG_TYPE_XDP ? prog : -EINVAL;
  const file = kernel.fds.get(prog, 'prog');
  if (typeof file === 'number') return file;
  return file.prog.type === BPF_PROG_TYPE_XDP ? file.prog : -EINVAL;
}

/**
 * Attaches, replaces or (with a negative fd) detaches a device's XDP program. 0 or -errno; privileges have been checked.
 * @see net/core/dev.c, dev_change_xdp_fd; net/core/rtnetlink.c, do_setlink
 */
export function setXdp(device: NetDevice, prog: BpfProg | number, flags: number): number {
  const modes = flags & MODES;
  if ((flags & ~ALL_FLAGS) !== 0 || (modes & (modes - 1)) !== 0) return -EINVAL;
  if (!device.nativeXdp && (flags & (XDP_FLAGS_DRV_MODE | XDP_FLAGS_HW_MODE)) !== 0) return -EOPNOTSUPP;
  const mode = device.nativeXdp && (flags & XDP_FLAGS_SKB_MODE) === 0 ? 'native' : 'generic';
  const other = mode === 'native' ? device.xdp.generic : device.xdp.native;
  // The hardware's slot is apart from the driver's, and always empty.
  const hardware = (flags & XDP_FLAGS_HW_MODE) !== 0;
  const current = hardware ? undefined : device.xdp[mode];

  let next: BpfProg | undefined;
  if (typeof prog !== 'number' || prog >= 0) {
    // The check against the other mode looks at generic XDP from the driver's side, and at nothing where there is no driver.
    if (!hardware && device.nativeXdp && other !== undefined) return -EEXIST;
    if ((flags & XDP_FLAGS_UPDATE_IF_NOEXIST) !== 0 && current !== undefined) return -EBUSY;
    const found = progOf(device.net.kernel, prog);
    if (typeof found === 'number') return found;
    if (!hardware && found.ifindex !== 0) return -EINVAL;
    if (found === current) return 0;
    next = found;
  } else if (current === undefined) {
    return 0;
  }
  if (hardware) return -EINVAL;
  next?.get();
  device.xdp = { ...device.xdp, [mode]: next };
  current?.put();
  return 0;
}
