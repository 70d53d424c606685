// SPDX-License-Identifier: MIT
import {
  BPF_PROG_TYPE_FLOW_DISSECTOR,
  BPF_PROG_TYPE_LWT_IN,
  BPF_PROG_TYPE_LWT_OUT,
  BPF_PROG_TYPE_LWT_SEG6LOCAL,
  BPF_PROG_TYPE_LWT_XMIT,
  BPF_PROG_TYPE_SCHED_ACT,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
} from '@tsbpf/uapi';
import { EMPTY_REGISTRIES, type HelperRow, type MapTypeDef, type ProgOps, type Registries } from '@tsbpf/core';
import { netProgTypes, netPtrClasses } from './rows.ts';
import { netVerbs } from './verbs.ts';
import { msgDataHelpers } from './helpers/msg-data.ts';
import { fibLookupHelpers } from './helpers/fib-lookup.ts';
import { selectReuseportHelpers } from './helpers/select-reuseport.ts';
import { skLookupHelpers } from './helpers/sk-lookup.ts';
import { skRedirectHelpers } from './helpers/sk-redirect.ts';
import { skbBytesHelpers } from './helpers/skb-bytes.ts';
import { skbCsumHelpers } from './helpers/skb-csum.ts';
import { skbEcnHelpers } from './helpers/skb-ecn.ts';
import { skbFactsHelpers } from './helpers/skb-facts.ts';
import { skbHashHelpers } from './helpers/skb-hash.ts';
import { skbRedirectHelpers } from './helpers/skb-redirect.ts';
import { skbResizeHelpers } from './helpers/skb-resize.ts';
import { skbRoomHelpers } from './helpers/skb-room.ts';
import { skbTunnelHelpers } from './helpers/skb-tunnel.ts';
import { skbVlanHelpers } from './helpers/skb-vlan.ts';
import { skStorageHelpers } from './helpers/sk-storage.ts';
import { sockMapHelpers } from './helpers/sock-map.ts';
import { sockCastHelpers } from './helpers/sock-cast.ts';
import { xdpAdjustHelpers } from './helpers/xdp-adjust.ts';
import { xdpRedirectHelpers } from './helpers/xdp-redirect.ts';
import { lircAttachRow, lircVerbs } from './lirc/attach.ts';
import { lircHelpers } from './lirc/helpers.ts';
import { lwtHelpers } from './lwt/helpers.ts';
import { cpuMapType } from './maps/cpumap.ts';
import { devMapHashType } from './maps/devmap-hash.ts';
import { devMapType } from './maps/devmap.ts';
import { reuseportSockarrayType } from './maps/reuseport-sockarray.ts';
import { skStorageMapType } from './maps/sk-storage.ts';
import { sockHashType } from './maps/sockhash.ts';
import { sockMapType } from './maps/sockmap.ts';
import { xskMapType } from './maps/xskmap.ts';
import { flowDissectorAttachRow } from './flow/attached.ts';
import { sockMapAttachRow } from './sockmap/attach.ts';
import { testRunFlowDissector } from './test-run/flow-dissector.ts';
import { testRunSkb } from './test-run/skb.ts';
import { tcpSendAckHelpers } from './tcp/helpers/send-ack.ts';
import { tcpSyncookieHelpers } from './tcp/helpers/syncookie.ts';
import { tcpCongestionOps } from './tcp/ops/row.ts';
import { testRunXdp } from './test-run/xdp.ts';

/** What running a program type means, for those that BPF_PROG_TEST_RUN can run. */
const PROG_OPS: Readonly<Record<number, ProgOps>> = {
  [BPF_PROG_TYPE_XDP]: { testRun: testRunXdp },
  [BPF_PROG_TYPE_SOCKET_FILTER]: { testRun: testRunSkb },
  [BPF_PROG_TYPE_SCHED_CLS]: { testRun: testRunSkb },
  [BPF_PROG_TYPE_SCHED_ACT]: { testRun: testRunSkb },
  [BPF_PROG_TYPE_FLOW_DISSECTOR]: { testRun: testRunFlowDissector },
  [BPF_PROG_TYPE_LWT_IN]: { testRun: testRunSkb },
  [BPF_PROG_TYPE_LWT_OUT]: { testRun: testRunSkb },
  [BPF_PROG_TYPE_LWT_XMIT]: { testRun: testRunSkb },
  [BPF_PROG_TYPE_LWT_SEG6LOCAL]: { testRun: testRunSkb },
};

/** Bodies of networking's helpers. */
export const netHelpers: readonly HelperRow[] = [
  ...fibLookupHelpers,
  ...lircHelpers,
  ...lwtHelpers,
  ...msgDataHelpers,
  ...selectReuseportHelpers,
  ...skRedirectHelpers,
  ...skbBytesHelpers,
  ...skbCsumHelpers,
  ...skbEcnHelpers,
  ...skbFactsHelpers,
  ...skbHashHelpers,
  ...skbRedirectHelpers,
  ...skbResizeHelpers,
  ...skbRoomHelpers,
  ...skbTunnelHelpers,
  ...skbVlanHelpers,
  ...skLookupHelpers,
  ...skStorageHelpers,
  ...sockCastHelpers,
  ...sockMapHelpers,
  ...tcpSendAckHelpers,
  ...tcpSyncookieHelpers,
  ...xdpAdjustHelpers,
  ...xdpRedirectHelpers,
];

/** Map types of networking, in the order of include/linux/bpf_types.h. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each row has its own map type
export const netMapTypes: readonly MapTypeDef<any>[] = [
  devMapType,
  devMapHashType,
  skStorageMapType,
  sockMapType,
  sockHashType,
  cpuMapType,
  xskMapType,
  reuseportSockarrayType,
];

/** Everything networking adds to a kernel. */
export function netRegistries(): Registries {
  return {
    ...EMPTY_REGISTRIES,
    progTypes: netProgTypes.map((row) => ({ ...row, ops: PROG_OPS[row.type] ?? row.ops })),
    helpers: netHelpers,
    mapTypes: netMapTypes,
    ptrClasses: netPtrClasses,
    attach: [sockMapAttachRow, lircAttachRow, flowDissectorAttachRow],
    verbs: [netVerbs, lircVerbs],
    structOps: [tcpCongestionOps],
  };
}
