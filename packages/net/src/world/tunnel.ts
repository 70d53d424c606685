// SPDX-License-Identifier: MIT
// What a packet carries of a tunnel it came by or is to go by: metadata instead of a route. In kernel memory, pointed to
// by `sk_buff._skb_refdst`. @see include/net/dst_metadata.h, include/net/ip_tunnels.h
import { ENOMEM, InternalError, UsageError } from '@tsbpf/uapi';
import type { Checkpointable, KernelServices, SubsystemKey } from '@tsbpf/core';
import { readPointer, writePointer } from '../dev/pointer.ts';
import type { Skb } from '../skb/skb.ts';
import { formatAddress, INET, INET6, parseAddress, type Family } from './prefix.ts';

/** Flags of a tunnel's key. @see include/uapi/linux/if_tunnel.h */
export const TUNNEL_CSUM = 0x1;
export const TUNNEL_KEY = 0x4;
export const TUNNEL_SEQ = 0x8;
export const TUNNEL_DONT_FRAGMENT = 0x100;
export const TUNNEL_OPTIONS_PRESENT = 0x5800;
export const TUNNEL_NOCACHE = 0x2000;

/** Bytes of options a tunnel's header takes. */
export const MAX_TUNNEL_OPTIONS = 255;

const NAME = 'metadata_dst';
const AT = {
  flags: 0,
  sending: 4,
  family: 5,
  tos: 6,
  ttl: 7,
  label: 8,
  optLen: 12,
  id: 16,
  src: 24,
  dst: 40,
  opts: 56,
};
const SIZE = AT.opts + MAX_TUNNEL_OPTIONS + 1;

/** A tunnel's header, as a script gives it or a device was to send it. */
export interface TunnelKey {
  /** Of up to 64 bits. */
  readonly id: bigint;
  /** Where a packet came from; as bytes where it is read back. */
  readonly src?: string;
  readonly dst?: string;
  readonly tos?: number;
  readonly ttl?: number;
  /** Of IPv6: the flow label. */
  readonly label?: number;
  /** TUNNEL_*. */
  readonly flags?: number;
  readonly options?: Uint8Array;
}

/** Metadata at a place in kernel memory. */
export class TunnelInfo {
  readonly kernel: KernelServices;
  readonly off: number;

  constructor(kernel: KernelServices, off: number) {
    this.kernel = kernel;
    this.off = off;
  }

  /** Room for metadata, which nobody fills. @errno ENOMEM UsageError */
  static alloc(kernel: KernelServices): TunnelInfo {
    const off = kernel.mem.alloc(SIZE, { kind: 'object', name: NAME });
    if (off === 0) throw new UsageError("kernel memory is exhausted: no room for a tunnel's header", { errno: ENOMEM });
    return new TunnelInfo(kernel, off);
  }

  clear(): void {
    this.kernel.mem.fill(this.off, SIZE, 0);
  }
  get flags(): number {
    return this.kernel.mem.read32(this.off + AT.flags);
  }
  set flags(flags: number) {
    this.kernel.mem.write32(this.off + AT.flags, flags);
  }
  /** It says how a packet is to go, not how it came. */
  get sending(): boolean {
    return this.kernel.mem.read8(this.off + AT.sending) !== 0;
  }
  set sending(sending: boolean) {
    this.kernel.mem.write8(this.off + AT.sending, sending ? 1 : 0);
  }
  get family(): Family {
    return this.kernel.mem.read8(this.off + AT.family) === INET6 ? INET6 : INET;
  }
  set family(family: Family) {
    this.kernel.mem.write8(this.off + AT.family, family);
  }
  get tos(): number {
    return this.kernel.mem.read8(this.off + AT.tos);
  }
  set tos(tos: number) {
    this.kernel.mem.write8(this.off + AT.tos, tos);
  }
  get ttl(): number {
    return this.kernel.mem.read8(this.off + AT.ttl);
  }
  set ttl(ttl: number) {
    this.kernel.mem.write8(this.off + AT.ttl, ttl);
  }
  get label(): number {
    return this.kernel.mem.read32(this.off + AT.label);
  }
  set label(label: number) {
    this.kernel.mem.write32(this.off + AT.label, label);
  }
  get id(): bigint {
    return this.kernel.mem.read64(this.off + AT.id);
  }
  set id(id: bigint) {
    this.kernel.mem.write64(this.off + AT.id, id);
  }
  /** In network order: 4 or 16 bytes, by the family. */
  get src(): Uint8Array {
    return this.kernel.mem.readBytes(this.off + AT.src, this.family === INET ? 4 : 16);
  }
  set src(ip: Uint8Array) {
    this.kernel.mem.writeBytes(this.off + AT.src, ip);
  }
  get dst(): Uint8Array {
    return this.kernel.mem.readBytes(this.off + AT.dst, this.family === INET ? 4 : 16);
  }
  set dst(ip: Uint8Array) {
    this.kernel.mem.writeBytes(this.off + AT.dst, ip);
  }
  get options(): Uint8Array {
    return this.kernel.mem.readBytes(this.off + AT.opts, this.kernel.mem.read32(this.off + AT.optLen));
  }
  set options(bytes: Uint8Array) {
    this.kernel.mem.write32(this.off + AT.optLen, bytes.length);
    this.kernel.mem.writeBytes(this.off + AT.opts, bytes);
  }

  /** Fills in what a script says. */
  fill(key: TunnelKey): void {
    this.clear();
    const [src, dst] = [key.src, key.dst].map((ip) => (ip === undefined ? undefined : parseAddress(ip)));
    this.family = (src ?? dst)?.length === 16 ? INET6 : INET;
    this.id = BigInt.asUintN(64, key.id);
    this.tos = key.tos ?? 0;
    this.ttl = key.ttl ?? 0;
    this.label = key.label ?? 0;
    if (src !== undefined) this.src = src;
    if (dst !== undefined) this.dst = dst;
    this.flags = (key.flags ?? TUNNEL_KEY) | (key.options === undefined ? 0 : TUNNEL_OPTIONS_PRESENT);
    if (key.options !== undefined) this.options = key.options;
  }

  free(): void {
    this.kernel.mem.free(this.off);
  }
}

const link = (skb: Skb): number => skb.off + skb.kernel.types.resolve('sk_buff._skb_refdst').off;

/** The metadata of a packet; undefined where it has none. */
export function tunnelInfoOf(skb: Skb): TunnelInfo | undefined {
  const { kernel } = skb;
  const off = readPointer(kernel.mem, link(skb));
  return off !== 0 && kernel.mem.regionOf(off)?.name === NAME ? new TunnelInfo(kernel, off) : undefined;
}

export function setTunnelInfo(skb: Skb, info: TunnelInfo): void {
  writePointer(skb.kernel.mem, link(skb), info.off);
}

/** The header of the tunnel a packet that is sent goes by; undefined where it goes by none. */
export function tunnelSent(skb: Skb): TunnelKey | undefined {
  const info = tunnelInfoOf(skb);
  if (info === undefined || !info.sending) return undefined;
  const { id, tos, ttl, label, flags, options } = info;
  const key = { id, dst: formatAddress(info.dst), tos, ttl, label, flags };
  return options.length === 0 ? key : { ...key, options };
}

/** Each CPU's metadata, which all packets share that its programs send by a tunnel. */
class CpuTunnels implements Checkpointable {
  readonly checkpointName = 'tunnels';
  readonly #kernel: KernelServices;
  #infos: readonly number[] = [];

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
    kernel.checkpointables.push(this);
  }

  get current(): TunnelInfo {
    if (this.#infos.length === 0) {
      this.#infos = Array.from({ length: this.#kernel.env.cpus }, () => TunnelInfo.alloc(this.#kernel).off);
    }
    const off = this.#infos[this.#kernel.env.cpu];
    if (off === undefined) throw new InternalError(`there is no CPU ${this.#kernel.env.cpu}`);
    return new TunnelInfo(this.#kernel, off);
  }

  save(): unknown {
    return this.#infos;
  }
  restore(saved: unknown): void {
    this.#infos = saved as readonly number[];
  }
}

const CPU_TUNNELS: SubsystemKey<CpuTunnels> = { name: 'tunnels', create: (kernel) => new CpuTunnels(kernel) };

/** The metadata of the CPU that runs. */
export function cpuTunnel(kernel: KernelServices): TunnelInfo {
  return kernel.subsystem(CPU_TUNNELS).current;
}
