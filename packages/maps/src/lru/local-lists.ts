// SPDX-License-Identifier: MIT
// What a CPU keeps of a common LRU: free nodes at hand, and nodes inserted lately. @see kernel/bpf/bpf_lru_list.c
import { HEAD_SIZE, addFirst, initList, moveFirst, nextOf, prevOf, unlink } from './links.ts';
import { LOCAL_FREE, LOCAL_PENDING, clearRef, elemOf, refOf, setCpu, setType, type LruTable } from './node.ts';

const PENDING_HEAD = HEAD_SIZE;
const STEAL_FROM = 2 * HEAD_SIZE;
/** Bytes of state in kernel memory. */
export const LOCAL_STATE_SIZE = STEAL_FROM + 8;

export class LocalLists {
  readonly #t: LruTable;
  readonly #state: number;

  constructor(table: LruTable, stateOff: number) {
    this.#t = table;
    this.#state = stateOff;
  }

  init(cpu: number): void {
    initList(this.#t.mem, this.freeHead);
    initList(this.#t.mem, this.#pendingHead);
    this.stealFrom = cpu;
  }

  get freeHead(): number {
    return this.#state;
  }
  get #pendingHead(): number {
    return this.#state + PENDING_HEAD;
  }

  /** The CPU to steal from first. */
  get stealFrom(): number {
    return this.#t.mem.read32(this.#state + STEAL_FROM);
  }
  set stealFrom(cpu: number) {
    this.#t.mem.write32(this.#state + STEAL_FROM, cpu);
  }

  /** Unlinks a free node; 0 where there is none. */
  takeFree(): number {
    const node = nextOf(this.#t.mem, this.freeHead);
    if (node === this.freeHead) return 0;
    unlink(this.#t.mem, node);
    return node;
  }

  /** Evicts and unlinks a pending node: the oldest that nobody refers to, else the oldest; 0 where there is none. */
  takePending(): number {
    const { mem } = this.#t;
    for (const force of [false, true]) {
      for (let node = prevOf(mem, this.#pendingHead); node !== this.#pendingHead; node = prevOf(mem, node)) {
        if (!force && refOf(this.#t, node)) continue;
        if (!this.#t.evict(elemOf(this.#t, node))) continue;
        unlink(mem, node);
        return node;
      }
    }
    return 0;
  }

  /** A node that was just taken. */
  addPending(node: number, cpu: number): void {
    setCpu(this.#t, node, cpu);
    setType(this.#t, node, LOCAL_PENDING);
    clearRef(this.#t, node);
    addFirst(this.#t.mem, this.#pendingHead, node);
  }

  /** A pending node becomes free. */
  giveBack(node: number): void {
    setType(this.#t, node, LOCAL_FREE);
    clearRef(this.#t, node);
    moveFirst(this.#t.mem, this.freeHead, node);
  }

  /** Hands all pending nodes on, the oldest first. */
  flushPending(take: (node: number) => void): void {
    for (let node = prevOf(this.#t.mem, this.#pendingHead); node !== this.#pendingHead;) {
      const before = prevOf(this.#t.mem, node);
      take(node);
      node = before;
    }
  }
}
