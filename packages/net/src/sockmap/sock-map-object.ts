// SPDX-License-Identifier: MIT
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { MapObject, type MapInit } from '@tsbpf/maps';
import { readPointer, writePointer } from '../dev/pointer.ts';

/** Programs that a map of sockets, and a socket in one, may have. */
export type SockProgSlot = 'msgVerdict' | 'skbParser' | 'skbVerdict';

/** Where the pointers to them lie, from where they begin. @see include/linux/skmsg.h, struct sk_psock_progs */
const SLOT_OFF: Readonly<Record<SockProgSlot, number>> = { msgVerdict: 0, skbParser: 8, skbVerdict: 16 };
const SOCK_PROG_SLOTS = Object.keys(SLOT_OFF) as readonly SockProgSlot[];
/** Bytes of the pointers. */
export const SOCK_PROGS_SIZE = 24;

/** The program in a slot of the pointers at `progsOff`. */
export function sockProg(kernel: KernelServices, progsOff: number, slot: SockProgSlot): BpfProg | undefined {
  const off = readPointer(kernel.mem, progsOff + SLOT_OFF[slot]);
  return off === 0 ? undefined : kernel.objects.get<BpfProg>(off, 'prog');
}

/** Fills or empties a slot, which holds a reference. */
export function setSockProg(
  kernel: KernelServices,
  progsOff: number,
  change: { readonly slot: SockProgSlot; readonly prog: BpfProg | undefined },
): void {
  const old = sockProg(kernel, progsOff, change.slot);
  change.prog?.get();
  writePointer(kernel.mem, progsOff + SLOT_OFF[change.slot], change.prog?.off ?? 0);
  old?.put();
}

/** Empties all slots. */
export function dropSockProgs(kernel: KernelServices, progsOff: number): void {
  for (const slot of SOCK_PROG_SLOTS) setSockProg(kernel, progsOff, { slot, prog: undefined });
}

/** A map of sockets. Its programs run for sockets that are added while it has them. */
export abstract class SockMapObject extends MapObject {
  /** Where the pointers to its programs begin. */
  readonly progsOff: number;

  constructor(init: MapInit & { progsOff: number }) {
    super(init);
    this.progsOff = init.progsOff;
  }

  /** The socket at `place` is closed: the map forgets it. */
  abstract forget(place: number): void;
}
