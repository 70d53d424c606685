// SPDX-License-Identifier: MIT
import type { KernelServices, SubsystemKey } from '@tsbpf/core';
import { readPointer, writePointer } from '../dev/pointer.ts';
import { getPage, pageData, pageSize, putPage } from './page.ts';

/** Elements a message may have. @see include/linux/skmsg.h, MAX_MSG_FRAGS */
export const MAX_MSG_FRAGS = 17;
/** Slots of the ring they lie in: one stays free, so that full and empty differ. */
const RING = MAX_MSG_FRAGS + 1;

interface MsgLayout {
  readonly size: number;
  readonly at: Readonly<Record<(typeof MEMBERS)[number], number>>;
  readonly ring: number;
  readonly elemSize: number;
  readonly elem: { readonly page: number; readonly offset: number; readonly length: number };
}

const MEMBERS = [
  'sg.start',
  'sg.curr',
  'sg.end',
  'sg.size',
  'data',
  'data_end',
  'apply_bytes',
  'cork_bytes',
  'flags',
  'sk_redir',
  'sk',
] as const;

const MSG_LAYOUT: SubsystemKey<MsgLayout> = {
  name: 'sk_msg layout',
  create({ types }) {
    const off = (path: string): number => types.resolve(path).off;
    return {
      size: types.sizeOf('sk_msg'),
      at: Object.fromEntries(MEMBERS.map((member) => [member, off(`sk_msg.${member}`)])) as MsgLayout['at'],
      ring: off('sk_msg.sg.data'),
      elemSize: types.sizeOf('scatterlist'),
      elem: {
        page: off('scatterlist.page_link'),
        offset: off('scatterlist.offset'),
        length: off('scatterlist.length'),
      },
    };
  },
};

/** A run of bytes of a message: in a page, from an offset on. */
export interface MsgElem {
  page: number;
  offset: number;
  length: number;
}

/**
 * A `struct sk_msg` in kernel memory: what a socket is about to send, as pieces of pages in a ring. A view.
 * @see include/linux/skmsg.h
 */
export class SkMsg {
  readonly kernel: KernelServices;
  readonly off: number;
  readonly #l: MsgLayout;

  constructor(kernel: KernelServices, off: number) {
    this.kernel = kernel;
    this.off = off >>> 0;
    this.#l = kernel.subsystem(MSG_LAYOUT);
  }

  /** An empty message; undefined when memory is exhausted. */
  static alloc(kernel: KernelServices): SkMsg | undefined {
    const { size } = kernel.subsystem(MSG_LAYOUT);
    const off = kernel.mem.alloc(size, { kind: 'ctx', name: 'sk_msg' });
    return off === 0 ? undefined : new SkMsg(kernel, off);
  }

  get(member: (typeof MEMBERS)[number]): number {
    return this.kernel.mem.read32(this.off + this.#l.at[member]);
  }
  set(member: (typeof MEMBERS)[number], value: number): void {
    this.kernel.mem.write32(this.off + this.#l.at[member], value);
  }
  pointer(member: 'sk_redir' | 'sk' | 'data' | 'data_end'): number {
    return readPointer(this.kernel.mem, this.off + this.#l.at[member]);
  }
  setPointer(member: 'sk_redir' | 'sk' | 'data' | 'data_end', target: number): void {
    writePointer(this.kernel.mem, this.off + this.#l.at[member], target);
  }

  get size(): number {
    return this.get('sg.size');
  }
  set size(lenBytes: number) {
    this.set('sg.size', lenBytes);
  }

  #slot(index: number): number {
    return this.off + this.#l.ring + (index % RING) * this.#l.elemSize;
  }
  #read(index: number): MsgElem {
    const { mem } = this.kernel;
    const { elem } = this.#l;
    const slot = this.#slot(index);
    return {
      page: readPointer(mem, slot + elem.page),
      offset: mem.read32(slot + elem.offset),
      length: mem.read32(slot + elem.length),
    };
  }
  #write(index: number, { page, offset, length }: MsgElem): void {
    const { mem } = this.kernel;
    const { elem } = this.#l;
    const slot = this.#slot(index);
    writePointer(mem, slot + elem.page, page);
    mem.write32(slot + elem.offset, offset);
    mem.write32(slot + elem.length, length);
  }

  /** How many elements it has. */
  get count(): number {
    return (this.get('sg.end') - this.get('sg.start') + RING) % RING;
  }
  /** The elements, first to last: copies. */
  get elems(): MsgElem[] {
    const start = this.get('sg.start');
    return Array.from({ length: this.count }, (_, i) => this.#read(start + i));
  }
  /** Replaces the elements; the size is the caller's to keep. */
  set elems(elems: readonly MsgElem[]) {
    const start = this.get('sg.start');
    const had = this.count;
    elems.forEach((elem, i) => this.#write(start + i, elem));
    for (let i = elems.length; i < had; i++) this.#write(start + i, { page: 0, offset: 0, length: 0 });
    this.set('sg.end', (start + elems.length) % RING);
  }

  /** Where an element's bytes are. */
  static bytesAt({ page, offset }: MsgElem): number {
    return pageData(page) + offset;
  }

  /** Tells the program the first element. @see sk_msg_compute_data_pointers */
  computeDataPointers(): void {
    const first = this.#read(this.get('sg.start'));
    const data = first.page === 0 ? 0 : SkMsg.bytesAt(first);
    this.setPointer('data', data);
    this.setPointer('data_end', data === 0 ? 0 : data + first.length);
  }

  /** A copy of bytes of an element; what would lie behind its page is zero. */
  read(elem: MsgElem, lenBytes = elem.length): Uint8Array {
    const { mem } = this.kernel;
    const inPage = Math.max(0, Math.min(lenBytes, pageSize(mem, elem.page) - elem.offset));
    const bytes = new Uint8Array(lenBytes);
    bytes.set(mem.readBytes(SkMsg.bytesAt(elem), inPage));
    return bytes;
  }

  /** All bytes, in order. */
  bytes(): Uint8Array {
    const parts = this.elems.map((elem) => this.read(elem));
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** Takes bytes off the front; their pages go with the last of their bytes. How many there were of `lenBytes`. */
  dropFront(lenBytes: number): number {
    const { elems } = this;
    let left = lenBytes;
    while (left > 0 && elems[0] !== undefined) {
      const [first] = elems;
      const take = Math.min(left, first.length);
      first.offset += take;
      first.length -= take;
      left -= take;
      if (first.length > 0) break;
      putPage(this.kernel.mem, first.page);
      elems.shift();
    }
    this.elems = elems;
    this.size -= lenBytes - left;
    return lenBytes - left;
  }

  #putPages(): void {
    for (const { page } of this.elems) putPage(this.kernel.mem, page);
  }

  /** Lets go of all bytes, and of what a program said of them. How many there were. @see sk_msg_free */
  clear(): number {
    const { size } = this;
    this.#putPages();
    this.kernel.mem.writeBytes(this.off, new Uint8Array(this.#l.size));
    return size;
  }

  /** The message becomes what another one is; that one's elements are held by both names, so only one may be freed. */
  copyFrom(other: SkMsg): void {
    if (other.off === this.off) return;
    this.kernel.mem.copy(this.off, other.off, this.#l.size);
  }

  /** Frees it with all that it holds. */
  free(): void {
    this.#putPages();
    this.kernel.mem.free(this.off);
  }
  /** Frees the structure alone. */
  freeStruct(): void {
    this.kernel.mem.free(this.off);
  }

  /** Another message gets the same page. */
  hold(elem: MsgElem): void {
    getPage(this.kernel.mem, elem.page);
  }
}
