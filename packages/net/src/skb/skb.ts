// SPDX-License-Identifier: MIT
import { ENOMEM } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { readField, writeField } from '../dev/fields.ts';
import { readPointer, writePointer } from '../dev/pointer.ts';
import { skbLayout, type SkbLayout } from './layout.ts';

/** A header offset that is not set. */
const UNSET = 0xffff;

type HeaderName =
  | 'mac_header'
  | 'network_header'
  | 'transport_header'
  | 'inner_mac_header'
  | 'inner_network_header'
  | 'inner_transport_header';
const HEADERS: readonly HeaderName[] = [
  'mac_header',
  'network_header',
  'transport_header',
  'inner_mac_header',
  'inner_network_header',
  'inner_transport_header',
];

/**
 * A `struct sk_buff` in kernel memory, all of whose data is linear. Positions are offsets in kernel memory; header
 * fields count from `head`, as in Linux. A view: any number of them may exist for one sk_buff.
 * @see include/linux/skbuff.h
 */
export class Skb {
  readonly kernel: KernelServices;
  readonly off: number;
  readonly layout: SkbLayout;

  constructor(kernel: KernelServices, off: number) {
    this.kernel = kernel;
    this.off = off >>> 0;
    this.layout = skbLayout(kernel);
  }

  /** A new sk_buff with room for `headroom + size` bytes and no data; undefined when memory is exhausted. */
  static alloc(kernel: KernelServices, options: { headroom: number; size: number }): Skb | undefined {
    const layout = skbLayout(kernel);
    const room = options.headroom + options.size;
    const head = kernel.mem.alloc(room + layout.infoSize, { kind: 'packet', name: 'skb head', align: 64 });
    const off = head === 0 ? 0 : kernel.mem.alloc(layout.size, { kind: 'ctx', name: 'sk_buff', align: 64 });
    if (off === 0) {
      if (head !== 0) kernel.mem.free(head);
      return undefined;
    }
    const skb = new Skb(kernel, off);
    skb.#setHead(head, room);
    skb.#ref('data', head + options.headroom);
    skb.#word('tail', options.headroom);
    kernel.mem.write32(skb.info + layout.info.dataref, 1);
    for (const header of HEADERS) skb.setHeader(header, header.startsWith('inner') ? 0 : UNSET);
    skb.setHeader('network_header', 0);
    writeField(kernel, off, 'sk_buff.users', 1);
    return skb;
  }

  #word(member: 'tail' | 'end' | 'len' | 'data_len' | 'truesize', value: number): void {
    this.kernel.mem.write32(this.off + this.layout.at[member], value);
  }
  #ref(member: 'head' | 'data' | 'dev' | 'sk', target: number): void {
    writePointer(this.kernel.mem, this.off + this.layout.at[member], target);
  }
  #setHead(head: number, room: number): void {
    this.#ref('head', head);
    this.#word('end', room);
    this.#word('truesize', room + this.layout.infoSize + this.layout.size);
  }

  /** Reads a member by name, of up to 32 bits, bitfields included. */
  get(member: string): number {
    return readField(this.kernel, this.off, `sk_buff.${member}`);
  }
  /** Writes a member by name. */
  set(member: string, value: number): void {
    writeField(this.kernel, this.off, `sk_buff.${member}`, value);
  }

  get head(): number {
    return readPointer(this.kernel.mem, this.off + this.layout.at.head);
  }
  get data(): number {
    return readPointer(this.kernel.mem, this.off + this.layout.at.data);
  }
  get len(): number {
    return this.kernel.mem.read32(this.off + this.layout.at.len);
  }
  /** Where the data ends. */
  get tail(): number {
    return this.head + this.kernel.mem.read32(this.off + this.layout.at.tail);
  }
  /** `struct skb_shared_info`, behind the buffer. */
  get info(): number {
    return this.head + this.kernel.mem.read32(this.off + this.layout.at.end);
  }
  get headroom(): number {
    return this.data - this.head;
  }
  get tailroom(): number {
    return this.info - this.tail;
  }
  get dev(): number {
    return readPointer(this.kernel.mem, this.off + this.layout.at.dev);
  }
  set dev(target: number) {
    this.#ref('dev', target);
  }
  get sk(): number {
    return readPointer(this.kernel.mem, this.off + this.layout.at.sk);
  }
  set sk(target: number) {
    this.#ref('sk', target);
  }
  /** In network byte order as it lies in memory: 0x0008 is IPv4. */
  get protocol(): number {
    return this.kernel.mem.read16(this.off + this.layout.at.protocol);
  }
  set protocol(value: number) {
    this.kernel.mem.write16(this.off + this.layout.at.protocol, value);
  }
  get macLen(): number {
    return this.kernel.mem.read16(this.off + this.layout.at.mac_len);
  }
  set macLen(value: number) {
    this.kernel.mem.write16(this.off + this.layout.at.mac_len, value);
  }
  get isGso(): boolean {
    return this.kernel.mem.read16(this.info + this.layout.info.gsoSize) !== 0;
  }

  header(name: HeaderName): number {
    return this.kernel.mem.read16(this.off + this.layout.at[name]);
  }
  setHeader(name: HeaderName, value: number): void {
    this.kernel.mem.write16(this.off + this.layout.at[name], value);
  }
  /** The header begins where the data begins, plus `delta`. */
  resetHeader(name: HeaderName, delta = 0): void {
    this.setHeader(name, this.data - this.head + delta);
  }
  headerSet(name: HeaderName): boolean {
    return this.header(name) !== UNSET;
  }
  /** The header's distance from the data; negative before it. */
  headerOffset(name: HeaderName): number {
    return this.head + this.header(name) - this.data;
  }
  /** Bytes of the link header. */
  get macHeaderLen(): number {
    return this.header('network_header') - this.header('mac_header');
  }

  /** Appends `lenBytes`, for which there must be tailroom; answers where they begin. */
  put(lenBytes: number): number {
    const { tail } = this;
    this.#word('tail', tail - this.head + lenBytes);
    this.#word('len', this.len + lenBytes);
    return tail;
  }
  /** Prepends, for which there must be headroom. */
  push(lenBytes: number): void {
    this.#ref('data', this.data - lenBytes);
    this.#word('len', this.len + lenBytes);
  }
  /** Takes bytes off the front. */
  pull(lenBytes: number): void {
    this.#ref('data', this.data + lenBytes);
    this.#word('len', this.len - lenBytes);
  }
  /** Cuts to `lenBytes`. */
  trim(lenBytes: number): void {
    if (lenBytes >= this.len) return;
    this.#word('len', lenBytes);
    this.#word('tail', this.headroom + lenBytes);
  }

  bytes(): Uint8Array {
    return this.kernel.mem.readBytes(this.data, this.len);
  }

  /** The data is shared with another sk_buff. */
  get shared(): boolean {
    return this.get('cloned') !== 0 && (this.kernel.mem.read32(this.info + this.layout.info.dataref) & UNSET) !== 1;
  }

  /** A private buffer with more room; header fields move along. 0 or -ENOMEM. @see pskb_expand_head */
  expandHead(moreHead: number, moreTail: number): number {
    const { kernel, head, layout } = this;
    const used = this.info - head;
    const room = used + moreHead + moreTail;
    const fresh = kernel.mem.alloc(room + layout.infoSize, { kind: 'packet', name: 'skb head', align: 64 });
    if (fresh === 0) return -ENOMEM;
    const { headroom } = this;
    const tail = this.tail - head;
    kernel.mem.copy(fresh + moreHead, head, tail);
    kernel.mem.copy(fresh + room, head + used, layout.infoSize);
    this.#dropHead();
    this.#setHead(fresh, room);
    this.#ref('data', fresh + moreHead + headroom);
    this.#word('tail', tail + moreHead);
    for (const header of HEADERS) {
      if (this.headerSet(header)) this.setHeader(header, (this.header(header) + moreHead) & UNSET);
    }
    if (this.get('ip_summed') === 3) this.set('csum_start', this.get('csum_start') + moreHead);
    kernel.mem.write32(fresh + room + layout.info.dataref, 1);
    this.set('cloned', 0);
    return 0;
  }

  /** At least `headroom` bytes before the data, and a buffer of its own. 0 or -ENOMEM. @see skb_cow */
  cow(headroom: number): number {
    const missing = Math.max(0, headroom - this.headroom);
    if (missing === 0 && !this.shared) return 0;
    return this.expandHead(Math.ceil(missing / 64) * 64, 0);
  }

  /** A buffer of its own. 0 or -ENOMEM. */
  unclone(): number {
    return this.shared ? this.expandHead(0, 0) : 0;
  }

  /** The first `lenBytes` may be written. 0 or -ENOMEM: there are fewer, or no memory. @see skb_ensure_writable */
  ensureWritable(lenBytes: number): number {
    return lenBytes > this.len ? -ENOMEM : this.unclone();
  }

  /** Sets what programs see as data_meta and data_end. @see bpf_compute_data_pointers */
  computeDataPointers(): void {
    const { mem } = this.kernel;
    const { cb, info } = this.layout;
    writePointer(mem, this.off + cb.dataMeta, this.data - mem.read8(this.info + info.metaLen));
    writePointer(mem, this.off + cb.dataEnd, this.data + this.len);
  }

  /**
   * The same for programs of sockmaps. @see bpf_compute_data_end_sk_skb
   * @errno ENOENT NotSupportedError: the kernel's BTF is of a version that keeps it elsewhere (since 5.12).
   */
  computeSkSkbDataEnd(): void {
    const { mem, types } = this.kernel;
    const dataEnd = types.resolve('tcp_skb_cb.bpf.data_end').off;
    writePointer(mem, this.off + this.layout.cb.off + dataEnd, this.data + this.len);
  }

  /** Another sk_buff on the same data; undefined when memory is exhausted. @see skb_clone */
  clone(): Skb | undefined {
    const { kernel, layout } = this;
    const off = kernel.mem.alloc(layout.size, { kind: 'ctx', name: 'sk_buff', align: 64 });
    if (off === 0) return undefined;
    this.set('cloned', 1);
    kernel.mem.copy(off, this.off, layout.size);
    const dataref = this.info + layout.info.dataref;
    kernel.mem.write32(dataref, kernel.mem.read32(dataref) + 1);
    const clone = new Skb(kernel, off);
    clone.sk = 0;
    return clone;
  }

  #dropHead(): void {
    const dataref = this.info + this.layout.info.dataref;
    const left = this.kernel.mem.read32(dataref) - 1;
    if (left === 0) this.kernel.mem.free(this.head);
    else this.kernel.mem.write32(dataref, left);
  }

  /** Frees the sk_buff, and its buffer with the last that holds it. */
  free(): void {
    this.#dropHead();
    this.kernel.mem.free(this.off);
  }
}
