// SPDX-License-Identifier: MIT
// What a socket has while it is in socket maps: the programs it picked up, and where it is. In kernel memory.
// @see net/core/skmsg.c, net/core/sock_map.c
import { EBUSY, ENOMEM, InternalError } from '@tsbpf/uapi';
import type { BpfProg, Errno, KernelServices } from '@tsbpf/core';
import { listAdd, listRemove } from '../dev/list.ts';
import { readPointer, writePointer } from '../dev/pointer.ts';
import { streamRule } from '../stream/rules.ts';
import { dropPsockState, stopParser } from '../stream/psock-end.ts';
import {
  dropSockProgs,
  setSockProg,
  SOCK_PROGS_SIZE,
  sockProg,
  type SockMapObject,
  type SockProgSlot,
} from './sock-map-object.ts';

/** Programs, references, whether the stream parser runs, the list of places. */
const PSOCK = { progs: 0, refs: SOCK_PROGS_SIZE, parsing: SOCK_PROGS_SIZE + 4, places: SOCK_PROGS_SIZE + 8, size: 40 };
const PSOCK_NAME = 'sk_psock';
/** A place: links of the list, the map, the place in it. */
const PLACE = { map: 16, place: 24, size: 32 };

/** Where a socket points to what it has of socket maps. */
function psockLink(kernel: KernelServices, sk: number): number {
  return sk + kernel.types.resolve('sock.sk_user_data').off;
}

/** Offset of what a socket has; 0 where it is in no socket map. */
export function psockOf(kernel: KernelServices, sk: number): number {
  const off = readPointer(kernel.mem, psockLink(kernel, sk));
  return off !== 0 && kernel.mem.regionOf(off)?.name === PSOCK_NAME ? off : 0;
}

/**
 * Gives a socket the map's programs, and a reference to them. A socket may be in several maps, but only one of them may
 * bring a message program, and one those of the stream.
 * @errno EBUSY @errno ENOMEM
 */
export function joinMap(map: SockMapObject, sk: number): Errno {
  const { kernel, mem } = map;
  const [msg, parser, verdict] = (['msgVerdict', 'skbParser', 'skbVerdict'] as const).map((slot) =>
    sockProg(kernel, map.progsOff, slot),
  );
  const stream = parser !== undefined && verdict !== undefined;
  let psock = psockOf(kernel, sk);
  if (psock === 0) {
    if (readPointer(mem, psockLink(kernel, sk)) !== 0) return -EBUSY;
    psock = mem.alloc(PSOCK.size, { kind: 'object', name: PSOCK_NAME });
    if (psock === 0) return -ENOMEM;
    writePointer(mem, psockLink(kernel, sk), psock);
  } else {
    const taken = (slot: SockProgSlot): boolean => sockProg(kernel, psock + PSOCK.progs, slot) !== undefined;
    if ((msg !== undefined && taken('msgVerdict')) || (stream && taken('skbParser'))) return -EBUSY;
  }
  mem.write32(psock + PSOCK.refs, mem.read32(psock + PSOCK.refs) + 1);
  const take = (slot: SockProgSlot, prog: BpfProg): void => setSockProg(kernel, psock + PSOCK.progs, { slot, prog });
  if (msg !== undefined) take('msgVerdict', msg);
  if (stream && mem.read32(psock + PSOCK.parsing) === 0) {
    take('skbVerdict', verdict);
    take('skbParser', parser);
    mem.write32(psock + PSOCK.parsing, 1);
  }
  return 0;
}

/** Drops a reference; the last one takes the programs with it. */
export function putPsock(map: SockMapObject, sk: number): void {
  const { kernel, mem } = map;
  const psock = psockOf(kernel, sk);
  const refs = mem.read32(psock + PSOCK.refs) - 1;
  mem.write32(psock + PSOCK.refs, refs);
  if (refs > 0) return;
  dropPsockState(kernel, sk);
  dropSockProgs(kernel, psock + PSOCK.progs);
  writePointer(mem, psockLink(kernel, sk), 0);
  kernel.rcu.callRcu(() => mem.free(psock));
}

/** Notes where in a map the socket is. 0 or -ENOMEM. */
export function addPlace(map: SockMapObject, sk: number, place: number): Errno {
  const { kernel, mem } = map;
  const node = mem.alloc(PLACE.size, { kind: 'object', name: 'sk_psock_link' });
  if (node === 0) return -ENOMEM;
  writePointer(mem, node + PLACE.map, map.off);
  writePointer(mem, node + PLACE.place, place);
  listAdd(mem, psockOf(kernel, sk) + PSOCK.places, node);
  return 0;
}

/** The socket leaves a place in a map. Its stream parser stops where the map has one. */
export function leavePlace(map: SockMapObject, sk: number, place: number): void {
  const { kernel, mem } = map;
  const psock = psockOf(kernel, sk);
  let node = readPointer(mem, psock + PSOCK.places);
  while (readPointer(mem, node + PLACE.place) !== place || readPointer(mem, node + PLACE.map) !== map.off) {
    node = readPointer(mem, node);
  }
  listRemove(mem, node);
  mem.free(node);
  if (sockProg(kernel, map.progsOff, 'skbParser') !== undefined && mem.read32(psock + PSOCK.parsing) !== 0) {
    mem.write32(psock + PSOCK.parsing, 0);
    stopParser(kernel, sk);
  }
  putPsock(map, sk);
}

/**
 * The socket is no longer connected: up to Linux 5.15 it leaves all maps. Whoever simulates sockets calls this when a
 * socket's state changes. @see sock_map_unhash
 */
export function disconnectedFromSockMaps(kernel: KernelServices, sk: number): void {
  if (streamRule(kernel, 'unconnected-leaves-maps')) leaveSockMaps(kernel, sk);
}

/** The socket is closed: it leaves all maps. Freeing one does it, too. @see sock_map_close */
export function leaveSockMaps(kernel: KernelServices, sk: number): void {
  if (kernel.types.tryResolve('sock.sk_user_data') === undefined) return;
  for (let psock; (psock = psockOf(kernel, sk)) !== 0;) {
    const node = readPointer(kernel.mem, psock + PSOCK.places);
    const place = readPointer(kernel.mem, node + PLACE.place);
    const map = kernel.objects.get<SockMapObject>(readPointer(kernel.mem, node + PLACE.map), 'map');
    if (map === undefined) throw new InternalError('a socket is in a map that is gone');
    map.forget(place);
    leavePlace(map, sk, place);
  }
}

/** The program a socket picked up from a map. */
export function programOfSock(kernel: KernelServices, sk: number, slot: SockProgSlot): BpfProg | undefined {
  const psock = psockOf(kernel, sk);
  return psock === 0 ? undefined : sockProg(kernel, psock + PSOCK.progs, slot);
}

/** Whether a stream parser takes what arrives at a socket. */
export function isParsing(kernel: KernelServices, sk: number): boolean {
  const psock = psockOf(kernel, sk);
  return psock !== 0 && kernel.mem.read32(psock + PSOCK.parsing) !== 0;
}
