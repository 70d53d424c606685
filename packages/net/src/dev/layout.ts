// SPDX-License-Identifier: MIT
import type { KernelServices, SubsystemKey } from '@tsbpf/core';

/** Where the simulator finds members of kernel structures, resolved once for a kernel. Byte offsets. */
export interface XdpLayout {
  readonly buffSize: number;
  readonly data: number;
  readonly dataEnd: number;
  readonly dataMeta: number;
  readonly hardStart: number;
  readonly rxq: number;
  readonly rxqSize: number;
  readonly rxqDev: number;
  readonly rxqIndex: number;
  /** Bytes of `struct xdp_frame`, which lies at the beginning of the headroom. */
  readonly frameSize: number;
}

const XDP_LAYOUT: SubsystemKey<XdpLayout> = {
  name: 'xdp layout',
  create: ({ types }) => ({
    buffSize: types.sizeOf('xdp_buff'),
    data: types.resolve('xdp_buff.data').off,
    dataEnd: types.resolve('xdp_buff.data_end').off,
    dataMeta: types.resolve('xdp_buff.data_meta').off,
    hardStart: types.resolve('xdp_buff.data_hard_start').off,
    rxq: types.resolve('xdp_buff.rxq').off,
    rxqSize: types.sizeOf('xdp_rxq_info'),
    rxqDev: types.resolve('xdp_rxq_info.dev').off,
    rxqIndex: types.resolve('xdp_rxq_info.queue_index').off,
    frameSize: types.sizeOf('xdp_frame'),
  }),
};

/** Layouts of XDP's structures in this kernel. */
export function xdpLayout(kernel: KernelServices): XdpLayout {
  return kernel.subsystem(XDP_LAYOUT);
}
