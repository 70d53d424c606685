// SPDX-License-Identifier: MIT
// An IP packet's way through this host, past the programs of its routes.
// @see net/core/lwt_bpf.c; net/ipv4/ip_forward.c; net/ipv6/seg6_local.c, input_action_end_bpf
import {
  EHOSTUNREACH,
  EINVAL,
  ELOOP,
  EMSGSIZE,
  ENOMEM,
  ENOSYS,
  EPERM,
  ETIME,
  NotSupportedError,
  UsageError,
} from '@tsbpf/uapi';
import { internetChecksum } from '@tsbpf/capture';
import type { BpfProg } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { netOf } from '../net-state.ts';
import { Skb } from '../skb/skb.ts';
import { carryOutRedirect } from '../tc/redirect.ts';
import { worldOf } from '../world/world.ts';
import { fibLookup } from '../world/fib.ts';
import {
  ETH_P_IP,
  ETH_P_IPV6,
  findHeader,
  IPV6,
  isValidSrh,
  NEXTHDR_ROUTING,
  SEGMENT_BYTES,
  SRH,
  srhBytes,
  write16be,
} from './ipv6-header.ts';
import { forgetRouteOfSkb, lookUpNextHop, routeOfSkb, setRouteOfSkb, type PacketRoute } from './route-skb.ts';
import { hasValidSrh, srhState, updateSrhState } from './seg6-state.ts';
import { isBpf, isEndBpf } from './state.ts';

/** @see include/uapi/linux/bpf.h, enum bpf_ret_code */
const [BPF_OK, BPF_DROP, BPF_REDIRECT, BPF_LWT_REROUTE] = [0, 2, 7, 128];
/** Routes one packet may be given one after the other; Linux has no such limit. */
const MAX_ROUTES = 32;
const HEADROOM = 256;
const ETH_HLEN = 14;

/** A program of a route, and what it answered. */
export interface LwtStep {
  readonly hook: 'lwt_in' | 'lwt_out' | 'lwt_xmit' | 'seg6local';
  readonly progName: string;
  readonly code: number;
}

/** What became of a packet. */
export interface LwtOutcome {
  readonly action: 'sent' | 'delivered' | 'redirected' | 'dropped';
  /** 0, or why it was dropped. */
  readonly error: number;
  /** Where it left. */
  readonly dev?: NetDevice;
  /** From the IP header on, as it was at the end; empty for one that was dropped or redirected. */
  readonly packet: Uint8Array;
  readonly steps: readonly LwtStep[];
}

/** One packet on its way. */
class Passage {
  readonly skb: Skb;
  readonly device: NetDevice;
  readonly steps: LwtStep[] = [];
  #left = MAX_ROUTES;

  constructor(skb: Skb, device: NetDevice) {
    this.skb = skb;
    this.device = device;
  }

  drop(error: number): LwtOutcome {
    this.skb.free();
    return { action: 'dropped', error, packet: new Uint8Array(0), steps: this.steps };
  }

  end(action: 'sent' | 'delivered', dev: NetDevice): LwtOutcome {
    return { action, error: 0, dev, packet: this.skb.bytes(), steps: this.steps };
  }

  /** Runs a program with a scratch area of its own: what it answered. */
  run(hook: LwtStep['hook'], prog: BpfProg): number {
    const { skb } = this;
    const { kernel } = skb;
    skb.computeDataPointers();
    const scratch = skb.off + skb.layout.cb.scratch;
    const saved = kernel.mem.readBytes(scratch, 20);
    if (prog.verified.cbAccess) kernel.mem.fill(scratch, 20, 0);
    const code = kernel.runProg(prog, skb.off) | 0;
    kernel.mem.writeBytes(scratch, saved);
    this.steps.push({ hook, progName: prog.name, code });
    return code;
  }

  /** What a program's answer comes to: the answer, or -errno with the packet to be dropped. @see run_lwt_bpf */
  verdict(code: number, prog: BpfProg, mayRedirect: boolean): number {
    const { net } = this.device;
    if (code === BPF_OK || code === BPF_LWT_REROUTE) return code;
    if (code === BPF_REDIRECT) {
      if (mayRedirect) return code;
      net.warnOnce(`Illegal redirect return code in prog ${prog.name || '<unknown>'}\n`, 'lwt redirect');
      return BPF_OK;
    }
    if (code === BPF_DROP) return -EPERM;
    net.warnOnce(`bpf-lwt: Illegal return value ${code >>> 0}, expect packet loss\n`, 'lwt return');
    return -EINVAL;
  }

  /** Gives the packet the route of its destination: 0 or -errno. */
  route(): number {
    if (this.#left-- === 0) {
      throw new UsageError(`programs of routes send a packet in circles: ${MAX_ROUTES} routes`, { errno: ELOOP });
    }
    const { skb, device } = this;
    const v4 = skb.protocol === ETH_P_IP;
    const { mem } = skb.kernel;
    const size = v4 ? 4 : 16;
    const at = (off: number): Uint8Array => mem.readBytes(skb.data + off, size);
    const flow = { saddr: at(v4 ? 12 : IPV6.saddr), daddr: at(v4 ? 16 : IPV6.daddr), iif: device.name };
    const found = fibLookup(worldOf(skb.kernel).of(device.netns), { ...flow, mark: skb.get('mark') });
    if (typeof found === 'number') return found;
    setRouteOfSkb(skb, { route: found, error: 0 });
    return 0;
  }

  get given(): PacketRoute {
    return routeOfSkb(this.skb) ?? { error: -EINVAL };
  }
}

const versionOf = (bytes: Uint8Array): number => (bytes[0] ?? 0) >> 4;

/** One hop less: 0, or -ETIME where it was the last. */
function countDown(skb: Skb): number {
  const { mem } = skb.kernel;
  if (skb.protocol === ETH_P_IPV6) {
    const left = mem.read8(skb.data + IPV6.hopLimit);
    if (left <= 1) return -ETIME;
    mem.write8(skb.data + IPV6.hopLimit, left - 1);
    return 0;
  }
  const left = mem.read8(skb.data + 8);
  if (left <= 1) return -ETIME;
  mem.write8(skb.data + 8, left - 1);
  mem.write16(skb.data + 10, 0);
  const headerBytes = (mem.read8(skb.data) & 15) * 4;
  write16be(mem, skb.data + 10, internetChecksum(mem.readBytes(skb.data, headerBytes)));
  return 0;
}

/** The packet leaves by its route: past `xmit`, and to the neighbour. */
function transmit(passage: Passage): LwtOutcome {
  const { skb, device } = passage;
  const { route, nextHop } = passage.given;
  const dev = route?.dev;
  if (route === undefined || dev === undefined) return passage.drop(-EINVAL);
  if (isBpf(route.encap) && route.encap.xmit !== undefined) {
    const { xmit } = route.encap;
    const { protocol } = skb;
    skb.dev = dev.off;
    const code = passage.verdict(passage.run('lwt_xmit', xmit), xmit, true);
    if (code < 0) return passage.drop(code);
    if (code === BPF_REDIRECT) {
      skb.resetHeader('mac_header');
      const { err } = carryOutRedirect(device.net, skb);
      const action = err === 0 ? 'redirected' : 'dropped';
      return { action, error: err, packet: new Uint8Array(0), steps: passage.steps };
    }
    if (code === BPF_LWT_REROUTE) return reroute(passage, send);
    if (skb.protocol !== protocol) return passage.drop(-EINVAL);
  }
  if (skb.len > dev.mtu) return passage.drop(-EMSGSIZE);
  const { mem } = skb.kernel;
  const to =
    nextHop ??
    route.via ??
    mem.readBytes(skb.data + (skb.protocol === ETH_P_IP ? 16 : IPV6.daddr), skb.protocol === ETH_P_IP ? 4 : 16);
  const neighbour = worldOf(skb.kernel).of(device.netns).neighbour(dev, to);
  if (neighbour === undefined) return passage.drop(-EHOSTUNREACH);
  const outcome = passage.end('sent', dev);
  if (skb.cow(ETH_HLEN) < 0) return passage.drop(-ENOMEM);
  skb.push(ETH_HLEN);
  mem.writeBytes(skb.data, neighbour.mac);
  mem.writeBytes(skb.data + 6, dev.mac);
  mem.write16(skb.data + 12, skb.protocol);
  forgetRouteOfSkb(skb);
  const err = dev.xmit(skb, 'xmit');
  return err === 0 ? outcome : { ...outcome, action: 'dropped', error: err };
}

/** The packet is sent by its route: past `out`. */
function send(passage: Passage): LwtOutcome {
  const { route } = passage.given;
  if (isBpf(route?.encap) && route.encap.out !== undefined) {
    const { out } = route.encap;
    if (route.dev !== undefined) passage.skb.dev = route.dev.off;
    const code = passage.verdict(passage.run('lwt_out', out), out, false);
    if (code < 0) return passage.drop(code);
  }
  return transmit(passage);
}

/** The packet is looked up once more, by the headers it has now. */
function reroute(passage: Passage, next: (passage: Passage) => LwtOutcome): LwtOutcome {
  const err = passage.route();
  return err < 0 ? passage.drop(err) : next(passage);
}

/** What End.BPF does with a packet. */
function endAction(passage: Passage, prog: BpfProg): LwtOutcome {
  const { skb } = passage;
  const { kernel } = skb;
  const { mem } = kernel;
  if (skb.protocol !== ETH_P_IPV6) return passage.drop(-EINVAL);
  const at = findHeader(skb, NEXTHDR_ROUTING);
  const srh = skb.data + at;
  if (at < 0 || at + srhBytes(mem, srh) > skb.len || !isValidSrh(mem, srh, srhBytes(mem, srh)))
    return passage.drop(-EINVAL);
  const left = mem.read8(srh + SRH.segmentsLeft);
  if (left === 0) return passage.drop(-EINVAL);
  mem.write8(srh + SRH.segmentsLeft, left - 1);
  mem.copy(skb.data + IPV6.daddr, srh + SRH.segments + (left - 1) * SEGMENT_BYTES, SEGMENT_BYTES);
  updateSrhState(skb);
  const code = passage.run('seg6local', prog);
  if (code !== BPF_OK && code !== BPF_REDIRECT) {
    if (code !== BPF_DROP)
      passage.device.net.warnOnce(`bpf-seg6local: Illegal return value ${code >>> 0}\n`, 'seg6local return');
    return passage.drop(-EINVAL);
  }
  if (srhState(kernel).srh !== 0 && !hasValidSrh(kernel)) return passage.drop(-EINVAL);
  // With BPF_REDIRECT the packet goes where the program's action has sent it.
  if (code !== BPF_REDIRECT) lookUpNextHop(skb);
  const { error } = passage.given;
  return error < 0 ? passage.drop(error) : input(passage);
}

/** The packet has come by its route: past `in`, to this host or onwards. */
function input(passage: Passage): LwtOutcome {
  const { skb, device } = passage;
  const { route } = passage.given;
  if (route === undefined) return passage.drop(-EINVAL);
  const { encap } = route;
  if (isEndBpf(encap)) return endAction(passage, encap.prog);
  if (encap !== undefined && !isBpf(encap)) {
    throw new NotSupportedError(`routes with encap ${encap.kind}`, { errno: ENOSYS, feature: `encap ${encap.kind}` });
  }
  if (encap?.in !== undefined) {
    const code = passage.verdict(passage.run('lwt_in', encap.in), encap.in, false);
    if (code < 0) return passage.drop(code);
    if (code === BPF_LWT_REROUTE) {
      if (skb.protocol !== ETH_P_IP && skb.protocol !== ETH_P_IPV6) return passage.drop(-EINVAL);
      return reroute(passage, input);
    }
  }
  if (route.kind === 'local') {
    const outcome = passage.end('delivered', device);
    skb.free();
    return outcome;
  }
  const ns = worldOf(skb.kernel).of(device.netns);
  if (!ns.forwarding(device, skb.protocol === ETH_P_IP ? 2 : 10)) return passage.drop(-EHOSTUNREACH);
  const err = countDown(skb);
  return err < 0 ? passage.drop(err) : send(passage);
}

/** An sk_buff of an IP packet, at a device. @errno EINVAL UsageError @errno ENOMEM UsageError */
function packetAt(device: NetDevice, bytes: Uint8Array): Skb {
  const version = versionOf(bytes);
  if ((version !== 4 && version !== 6) || bytes.length < (version === 4 ? 20 : 40)) {
    throw new UsageError('a packet begins with an IP header', { errno: EINVAL });
  }
  const { kernel } = device.net;
  const skb = Skb.alloc(kernel, { headroom: HEADROOM, size: Math.ceil(bytes.length / 64) * 64 });
  if (skb === undefined) throw new UsageError('kernel memory is exhausted: no room for a packet', { errno: ENOMEM });
  kernel.mem.writeBytes(skb.put(bytes.length), bytes);
  skb.dev = device.off;
  skb.protocol = version === 4 ? ETH_P_IP : ETH_P_IPV6;
  skb.setHeader('mac_header', skb.data - skb.head - ETH_HLEN);
  skb.resetHeader('network_header');
  skb.resetHeader('transport_header', version === 4 ? ((bytes[0] ?? 0) & 15) * 4 : 40);
  skb.macLen = ETH_HLEN;
  return skb;
}

function pass(device: NetDevice, bytes: Uint8Array, by: (passage: Passage) => LwtOutcome): LwtOutcome {
  const passage = new Passage(packetAt(device, bytes), device);
  const { kernel } = device.net;
  kernel.rcu.enter();
  try {
    return reroute(passage, by);
  } finally {
    forgetRouteOfSkb(passage.skb);
    netOf(kernel).drainBacklog();
    kernel.rcu.exit();
  }
}

/** An IP packet has come by a device: it is routed, past the programs of its routes. */
export const routeInput = (device: NetDevice, packet: Uint8Array): LwtOutcome => pass(device, packet, input);

/** This host sends an IP packet; `device` is where it would come from: loopback, as a rule. */
export const routeOutput = (device: NetDevice, packet: Uint8Array): LwtOutcome => pass(device, packet, send);
