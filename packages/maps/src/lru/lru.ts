// SPDX-License-Identifier: MIT
// Least recently used elements, with lists common to all CPUs or of each CPU. @see kernel/bpf/bpf_lru_list.c
import type { KernelServices } from '@tsbpf/core';
import type { HtabElemLayout } from '../object/layout.ts';
import { mapRule } from '../object/rules.ts';
import { AGING_STATE_SIZE, AgingLists } from './aging-lists.ts';
import { LOCAL_STATE_SIZE, LocalLists } from './local-lists.ts';
import { addFirst, isEmpty, nextOf } from './links.ts';
import {
  ACTIVE,
  FREE,
  INACTIVE,
  LOCAL_FREE,
  LOCAL_PENDING,
  clearRef,
  cpuOf,
  elemOf,
  nodeOf,
  refOf,
  setCpu,
  setHash,
  setType,
  typeOf,
  type LruTable,
} from './node.ts';

/** How many nodes a CPU takes over at once, and how many it looks at while searching. */
const LOCAL_TARGET = 128;
const PERCPU_TARGET = 4;

/** Bytes of state in kernel memory. */
export function lruStateSize(cpus: number, perCpu: boolean): number {
  return perCpu ? cpus * AGING_STATE_SIZE : AGING_STATE_SIZE + cpus * LOCAL_STATE_SIZE;
}

/** The elements of an LRU table, all preallocated: who is free, and who goes when none is. */
export class Lru {
  readonly #kernel: KernelServices;
  readonly #t: LruTable;
  readonly #perCpu: boolean;
  /** How many free nodes a CPU takes over at once. */
  #refillTarget = LOCAL_TARGET;
  /** One, or one for each CPU. */
  readonly #aging: readonly AgingLists[];
  readonly #local: readonly LocalLists[];

  constructor(
    kernel: KernelServices,
    options: { stateOff: number; layout: HtabElemLayout; perCpu: boolean; evict: (elem: number) => boolean },
  ) {
    this.#kernel = kernel;
    this.#perCpu = options.perCpu;
    const t: LruTable = { mem: kernel.mem, layout: options.layout, evict: options.evict };
    this.#t = t;
    const cpus = Array.from({ length: kernel.env.cpus }, (_, cpu) => cpu);
    const maxScans = options.perCpu ? PERCPU_TARGET : LOCAL_TARGET;
    this.#aging = (options.perCpu ? cpus : [0]).map(
      (i) => new AgingLists(t, { stateOff: options.stateOff + i * AGING_STATE_SIZE, maxScans }),
    );
    const locals = options.stateOff + AGING_STATE_SIZE;
    this.#local = options.perCpu ? [] : cpus.map((cpu) => new LocalLists(t, locals + cpu * LOCAL_STATE_SIZE));
  }

  /** Makes all elements free; with lists per CPU each owns equally many. */
  populate(elemsOff: number, elemStride: number, count: number): void {
    for (const lists of this.#aging) lists.init();
    this.#local.forEach((lists, cpu) => lists.init(cpu));
    const share = count / this.#aging.length;
    if (!mapRule(this.#kernel.version, 'lru-free-target')) {
      this.#refillTarget = Math.min(LOCAL_TARGET, Math.max(1, Math.floor(count / this.#kernel.env.cpus / 2)));
    }
    for (let i = 0; i < count; i++) {
      const node = nodeOf(this.#t, elemsOff + i * elemStride);
      const owner = Math.floor(i / share);
      if (this.#perCpu) setCpu(this.#t, node, owner);
      setType(this.#t, node, FREE);
      addFirst(this.#t.mem, this.#agingOf(owner).head(FREE), node);
    }
  }

  /** A free element for a key with this hash, evicting others where need be; 0 where that fails. */
  take(hash: number): number {
    const node = this.#perCpu ? this.#takePerCpu(hash) : this.#takeCommon(hash);
    return node === 0 ? 0 : elemOf(this.#t, node);
  }

  /** Gives back an element that is in no bucket. */
  giveBack(elem: number): void {
    const node = nodeOf(this.#t, elem);
    if (this.#perCpu) this.#agingOf(cpuOf(this.#t, node)).move(node, FREE);
    else {
      const type = typeOf(this.#t, node);
      if (type === FREE || type === LOCAL_FREE) return;
      if (type === LOCAL_PENDING) this.#localOf(cpuOf(this.#t, node)).giveBack(node);
      else this.#agingOf(0).move(node, FREE);
    }
  }

  /** The element was used. */
  touch(elem: number): void {
    this.#t.mem.u8[elem + this.#t.layout.ref] = 1;
  }

  #takePerCpu(hash: number): number {
    const { mem } = this.#t;
    const lists = this.#agingOf(this.#kernel.env.cpu);
    lists.rotate();
    const head = lists.head(FREE);
    if (isEmpty(mem, head)) lists.shrink(PERCPU_TARGET, { head, type: FREE });
    if (isEmpty(mem, head)) return 0;
    const node = nextOf(mem, head);
    setHash(this.#t, node, hash);
    clearRef(this.#t, node);
    lists.move(node, INACTIVE);
    return node;
  }

  #takeCommon(hash: number): number {
    const { cpu, cpus } = this.#kernel.env;
    const mine = this.#localOf(cpu);
    let node = mine.takeFree();
    if (node === 0) {
      this.#refill(mine);
      node = mine.takeFree();
    }
    if (node === 0) {
      // Steal: from the CPU where the last search ended, once around.
      const first = mine.stealFrom;
      let victim = first;
      do {
        const lists = this.#localOf(victim);
        node = lists.takeFree() || lists.takePending();
        victim = (victim + 1) % cpus;
      } while (node === 0 && victim !== first);
      mine.stealFrom = victim;
    }
    if (node === 0) return 0;
    setHash(this.#t, node, hash);
    mine.addPending(node, cpu);
    return node;
  }

  /** New nodes age with the others from here on; free ones come from the common list, or from evictions. */
  #refill(mine: LocalLists): void {
    const lists = this.#agingOf(0);
    mine.flushPending((node) => lists.moveIn(node, refOf(this.#t, node) ? ACTIVE : INACTIVE));
    lists.rotate();
    const target = { head: mine.freeHead, type: LOCAL_FREE };
    const taken = lists.takeFree(this.#refillTarget, target);
    if (taken < this.#refillTarget) lists.shrink(this.#refillTarget - taken, target);
  }

  #agingOf(index: number): AgingLists {
    return this.#aging[index];
  }
  #localOf(cpu: number): LocalLists {
    return this.#local[cpu];
  }
}
