// SPDX-License-Identifier: MIT
// What the verifier needs of networking: importable without the simulator.
import type { ProgTypeDef, PtrClassOps } from '@tsbpf/core';
import { flowDissectorProgType } from './prog-types/flow-dissector.ts';
import { lircMode2ProgType } from './prog-types/lirc-mode2.ts';
import { lwtInProgType } from './prog-types/lwt-in.ts';
import { lwtOutProgType } from './prog-types/lwt-out.ts';
import { lwtSeg6localProgType } from './prog-types/lwt-seg6local.ts';
import { lwtXmitProgType } from './prog-types/lwt-xmit.ts';
import { schedActProgType } from './prog-types/sched-act.ts';
import { schedClsProgType } from './prog-types/sched-cls.ts';
import { skMsgProgType } from './prog-types/sk-msg.ts';
import { skReuseportProgType } from './prog-types/sk-reuseport.ts';
import { skSkbProgType } from './prog-types/sk-skb.ts';
import { socketFilterProgType } from './prog-types/socket-filter.ts';
import { xdpProgType } from './prog-types/xdp.ts';
import { sockCommonPtr, socketPtr } from './ptr-classes/socket.ts';
import { tcpSockPtr } from './ptr-classes/tcp-sock.ts';
import { xdpSockPtr } from './ptr-classes/xdp-sock.ts';

/** Program types of networking, in the order of include/linux/bpf_types.h. */
export const netProgTypes: readonly ProgTypeDef[] = [
  socketFilterProgType,
  schedClsProgType,
  schedActProgType,
  xdpProgType,
  lwtInProgType,
  lwtOutProgType,
  lwtXmitProgType,
  lwtSeg6localProgType,
  skSkbProgType,
  skMsgProgType,
  flowDissectorProgType,
  lircMode2ProgType,
  skReuseportProgType,
];

/** Pointers to sockets that programs read through a public view. */
export const netPtrClasses: readonly PtrClassOps[] = [socketPtr, sockCommonPtr, tcpSockPtr, xdpSockPtr];

export { type CtxField, type FieldAccess, accessAligned, accessField, fieldAt } from './access/ctx-field.ts';
export { inside, load, loadChain, loadOrStore, NO_REWRITE, type Place, REG_AX, store } from './access/emit.ts';
export { accessSkb } from './access/skb-access.ts';
export { rewriteSkb } from './access/skb-rewrite.ts';
export { rewriteSock } from './access/sock-rewrite.ts';
export { tcpCongestionOpsRules } from './tcp/ops/rules.ts';
export { unclonePrologue } from './access/unclone.ts';
export { CGROUP_SKB_FIELDS, SOCKET_FIELDS } from './generated/ctx-fields.ts';
