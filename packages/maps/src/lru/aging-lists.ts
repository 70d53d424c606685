// SPDX-License-Identifier: MIT
// The active, inactive and free lists, and how elements age. @see kernel/bpf/bpf_lru_list.c
import { HEAD_SIZE, initList, isEmpty, moveFirst, nextOf, prevOf } from './links.ts';
import { ACTIVE, FREE, INACTIVE, clearRef, elemOf, refOf, setType, typeOf, type LruTable } from './node.ts';

/** Three heads, the numbers of active and inactive nodes, the node at which the next scan of the inactive begins. */
const COUNTS = 3 * HEAD_SIZE;
const SCAN_FROM = COUNTS + 8;
/** Bytes of state in kernel memory. */
export const AGING_STATE_SIZE = SCAN_FROM + 8;

/** Where nodes that become free go. */
export interface FreeTarget {
  readonly head: number;
  readonly type: number;
}

/** One set of lists: the only one of a common LRU, or one CPU's. */
export class AgingLists {
  readonly #t: LruTable;
  readonly #state: number;
  readonly #maxScans: number;

  constructor(table: LruTable, options: { stateOff: number; maxScans: number }) {
    this.#t = table;
    this.#state = options.stateOff;
    this.#maxScans = options.maxScans;
  }

  init(): void {
    for (const type of [ACTIVE, INACTIVE, FREE]) initList(this.#t.mem, this.head(type));
    this.#scanFrom = this.head(INACTIVE);
  }

  head(type: number): number {
    return this.#state + type * HEAD_SIZE;
  }

  /** Takes in a node from outside: one of a CPU's local lists. */
  moveIn(node: number, type: number): void {
    this.#count(type, 1);
    setType(this.#t, node, type);
    clearRef(this.#t, node);
    moveFirst(this.#t.mem, this.head(type), node);
  }

  /** Moves a node between these lists, or to the front of its own. */
  move(node: number, type: number): void {
    const from = typeOf(this.#t, node);
    if (from !== type) {
      this.#count(from, -1);
      this.#count(type, 1);
      setType(this.#t, node, type);
    }
    clearRef(this.#t, node);
    this.#leave(node);
    moveFirst(this.#t.mem, this.head(type), node);
  }

  /** Hands a node out to a free list. */
  moveToFree(node: number, target: FreeTarget): void {
    this.#leave(node);
    this.#count(typeOf(this.#t, node), -1);
    setType(this.#t, node, target.type);
    moveFirst(this.#t.mem, target.head, node);
  }

  /** Ages the active list where it is the longer one, then looks for referenced nodes among the inactive. */
  rotate(): void {
    if (this.#counted(INACTIVE) < this.#counted(ACTIVE)) this.#rotateActive();
    this.#rotateInactive();
  }

  /** Frees up to `wanted` nodes that nobody refers to; failing that, one of any kind. Answers how many. */
  shrink(wanted: number, target: FreeTarget): number {
    const shrunk = this.#shrinkInactive(wanted, target);
    if (shrunk > 0) return shrunk;
    const { mem } = this.#t;
    const head = this.head(isEmpty(mem, this.head(INACTIVE)) ? ACTIVE : INACTIVE);
    for (let node = prevOf(mem, head); node !== head; node = prevOf(mem, node)) {
      if (!this.#t.evict(elemOf(this.#t, node))) continue;
      this.moveToFree(node, target);
      return 1;
    }
    return 0;
  }

  /** Up to `wanted` nodes that are free already; answers how many. */
  takeFree(wanted: number, target: FreeTarget): number {
    const head = this.head(FREE);
    let taken = 0;
    for (let node = nextOf(this.#t.mem, head); node !== head && taken < wanted; taken++) {
      const next = nextOf(this.#t.mem, node);
      this.moveToFree(node, target);
      node = next;
    }
    return taken;
  }

  #rotateActive(): void {
    const { mem } = this.#t;
    const head = this.head(ACTIVE);
    const first = nextOf(mem, head);
    let scans = 0;
    for (let node = prevOf(mem, head); node !== head;) {
      const before = prevOf(mem, node);
      this.move(node, refOf(this.#t, node) ? ACTIVE : INACTIVE);
      if (++scans === this.#maxScans || node === first) break;
      node = before;
    }
  }

  #rotateInactive(): void {
    const { mem } = this.#t;
    const head = this.head(INACTIVE);
    if (isEmpty(mem, head)) return;
    let last = nextOf(mem, this.#scanFrom);
    if (last === head) last = nextOf(mem, last);
    let node = this.#scanFrom;
    let next = node;
    for (let scans = 0; scans < this.#maxScans;) {
      if (node === head) {
        node = prevOf(mem, node);
        continue;
      }
      next = prevOf(mem, node);
      if (refOf(this.#t, node)) this.move(node, ACTIVE);
      if (node === last) break;
      node = next;
      scans++;
    }
    this.#scanFrom = next;
  }

  #shrinkInactive(wanted: number, target: FreeTarget): number {
    const { mem } = this.#t;
    const head = this.head(INACTIVE);
    let shrunk = 0;
    let scans = 0;
    for (let node = prevOf(mem, head); node !== head;) {
      const before = prevOf(mem, node);
      if (refOf(this.#t, node)) this.move(node, ACTIVE);
      else if (this.#t.evict(elemOf(this.#t, node))) {
        this.moveToFree(node, target);
        if (++shrunk === wanted) break;
      }
      if (++scans === this.#maxScans) break;
      node = before;
    }
    return shrunk;
  }

  /** A node goes elsewhere: the next scan does not begin at it. */
  #leave(node: number): void {
    if (node === this.#scanFrom) this.#scanFrom = prevOf(this.#t.mem, node);
  }

  get #scanFrom(): number {
    return this.#t.mem.u32[(this.#state + SCAN_FROM) >>> 2];
  }
  set #scanFrom(node: number) {
    this.#t.mem.u32[(this.#state + SCAN_FROM) >>> 2] = node;
  }

  #counted(type: number): number {
    return this.#t.mem.u32[((this.#state + COUNTS) >>> 2) + type];
  }

  #count(type: number, by: number): void {
    if (type === ACTIVE || type === INACTIVE) this.#t.mem.u32[((this.#state + COUNTS) >>> 2) + type] += by;
  }
}
