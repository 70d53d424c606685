// SPDX-License-Identifier: MIT
export { netRegistries } from './registries.ts';
export { Net, netOf } from './net-state.ts';
export {
  NetDevice,
  type DeviceEvent,
  type DeviceOptions,
  type SavedDevice,
  type TransmittedFrame,
} from './dev/device.ts';
export type { NetNamespace } from './dev/namespace.ts';
export type { ReceiveResult } from './dev/receive.ts';
export type { RedirectOutcome } from './xdp/redirect.ts';
export type { RedirectInfo } from './xdp/redirect-info.ts';
export type { MapRedirect, RedirectMapDef } from './xdp/redirect-map.ts';
export { ETH_HLEN, XDP_PACKET_HEADROOM, XdpBuff } from './xdp/xdp-buff.ts';
export {
  XDP_FLAGS_DRV_MODE,
  XDP_FLAGS_HW_MODE,
  XDP_FLAGS_SKB_MODE,
  XDP_FLAGS_UPDATE_IF_NOEXIST,
  type XdpSlots,
} from './xdp/attach.ts';
// What other subsystems build sockets and packets from.
export { createSock, freeSock, isFullSock, TCP_CLOSE, TCP_LISTEN, type Sock } from './sock/sock.ts';
export {
  callSockOps,
  cgroupIdOfSock,
  initialRto,
  initialRwnd,
  needsEcn,
  setTcpState,
  SOCK_OPS_ACTIVE_ESTABLISHED_CB,
  SOCK_OPS_ALL_CB_FLAGS,
  SOCK_OPS_NEEDS_ECN,
  SOCK_OPS_PASSIVE_ESTABLISHED_CB,
  SOCK_OPS_TCP_CONNECT_CB,
  SOCK_OPS_TCP_LISTEN_CB,
  sockOpsAsked,
  tellRetransmit,
  tellRoundTrip,
  tellTimeout,
} from './sock/sock-ops.ts';
export { Congestion, congestionOf, type CongestionChange, type CongestionControls } from './sock/congestion.ts';
export { installSocket, sockOfFd, type SocketFile } from './sock/socket-file.ts';
export { cloneSkStorage } from './sk-storage/sock-life.ts';
export { disconnectedFromSockMaps, programOfSock } from './sockmap/psock.ts';
export type { SockProgSlot } from './sockmap/sock-map-object.ts';
export { SkStorages, skStoragesOf } from './sk-storage/state.ts';
export { readField, writeField, writePointerField } from './dev/fields.ts';
export { readPointer, writePointer } from './dev/pointer.ts';
export { skbLayout, type SkbLayout } from './skb/layout.ts';
export { Skb } from './skb/skb.ts';
export { testRunSkb } from './test-run/skb.ts';
export type { IngressOutcome } from './dev/receive-skb.ts';
export type { TcAttachOptions, TcDirection, TcFilter, TcFilters } from './tc/filters.ts';
export type { TcVerdict } from './tc/classify.ts';
export { ethTypeTrans, skbOfFrame } from './skb/ethernet.ts';
export { PacketSocket, type TappedFrame } from './sock/packet-socket.ts';
export type { InetSocketOptions, SockEnd } from './sock/inet-sock.ts';
export type { SockTable, SockTuple } from './sock/sock-table.ts';
export { ReceivingSocket, type Received, type ReceivingSocketOptions } from './sock/receiving-socket.ts';
export { FlowDissectors } from './flow/attached.ts';
export type { FlowKeys } from './flow/skb-flow.ts';
export { CarriedStream } from './stream/carried-stream.ts';
export type { StreamCarrier } from './stream/state.ts';
export type { StreamPairOptions, StreamSocket } from './stream/stream-socket.ts';
export { tcpCongestionOps } from './tcp/ops/row.ts';
export { Tcp, tcpOf } from './tcp/tcp.ts';
export { Syncookies, syncookiesOf } from './tcp/syncookie/state.ts';
export { TcpSim, type TcpSimOptions } from './tcp/sim/sim.ts';
export type { Flow, FlowOptions } from './tcp/sim/flow.ts';
export { TcpRecorder, type FlowSeries, type LinkSeries } from './tcp/sim/recorder.ts';
export { Link, type LinkOptions, type LinkStats } from './tcp/path/link.ts';
export { CA_STATE_NAMES, type CongestionControl } from './tcp/ca/congestion-control.ts';
export { TcpSock } from './tcp/sock/tcp-sock.ts';
export type { TcpEvents } from './tcp/sock/world.ts';
export { NetWorld, worldOf, type Way } from './world/world.ts';
export type { NamespaceRoutes, Neighbour, Rule, RuleOptions } from './world/namespace-routes.ts';
export {
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  type LwtState,
  type Route,
  type RouteKind,
  type RouteOptions,
} from './world/route.ts';
export type { FibFlow } from './world/fib.ts';
export { INET, INET6, type Family, type Prefix } from './world/prefix.ts';
export { receiveArrival, type Arrival } from './world/arrival.ts';
export type { TunnelKey } from './world/tunnel.ts';
export type { XfrmState } from './world/sec-path.ts';
export { Topology, TopologyHost, type TopologyEvent } from './topology/topology.ts';
export { XdpSocket, XdpSockets, type XdpDescriptor, type XdpFrame, type XdpSocketOptions } from './xsk/xdp-socket.ts';
export { receiversOf, type ReceiverOptions, type RemoteEvent, type RemoteReceiver } from './lirc/remote.ts';
export { routeInput, routeOutput, type LwtOutcome, type LwtStep } from './lwt/forward.ts';
export { bpfEncap, endBpf, type BpfEncap, type EndBpf } from './lwt/state.ts';
