// SPDX-License-Identifier: MIT
// Sockets that share an address and port. @see net/core/sock_reuseport.c
import { EINVAL, ENOENT, ENOMEM } from '@tsbpf/uapi';
import {
  versionAtLeast,
  type BpfProg,
  type Checkpointable,
  type Errno,
  type KernelServices,
  type SubsystemKey,
} from '@tsbpf/core';
import { readField, writePointerField } from '../dev/fields.ts';
import { readPointer } from '../dev/pointer.ts';
import { isRcuFree } from '../sock/inet-sock.ts';
import type { Net } from '../net-state.ts';

const GROUP_SIZE = 32;
const SK_CB = 'sock.sk_reuseport_cb';

/** Sockets that share a port, in the order they joined, and the program that chooses among them. */
export interface ReuseportGroup {
  /** Offset of what sockets point to. */
  readonly off: number;
  /** 0 until a socket of it is put into a map. */
  id: number;
  /** One of them takes any address. */
  bindInany: boolean;
  socks: readonly number[];
  prog: BpfProg | undefined;
}

/** All groups of a kernel. */
export class Reuseports implements Checkpointable {
  readonly checkpointName = 'net-reuseport';
  readonly groups = new Map<number, ReuseportGroup>();
  #lastId = 0;

  nextId(): number {
    return ++this.#lastId;
  }
  save(): unknown {
    return { groups: [...this.groups.values()].map((group) => ({ ...group })), lastId: this.#lastId };
  }
  restore(saved: unknown): void {
    const { groups, lastId } = saved as { groups: ReuseportGroup[]; lastId: number };
    this.groups.clear();
    for (const group of groups) this.groups.set(group.off, { ...group });
    this.#lastId = lastId;
  }
}

const REUSEPORTS: SubsystemKey<Reuseports> = {
  name: 'net-reuseport',
  create(kernel) {
    const state = new Reuseports();
    kernel.checkpointables.push(state);
    return state;
  },
};

export function reuseportsOf(kernel: Pick<KernelServices, 'subsystem'>): Reuseports {
  return kernel.subsystem(REUSEPORTS);
}

/** The group of a socket; undefined for none. */
export function groupOf(kernel: KernelServices, sk: number): ReuseportGroup | undefined {
  const field = kernel.types.tryResolve(SK_CB);
  const off = field === undefined ? 0 : readPointer(kernel.mem, sk + field.off);
  return off === 0 ? undefined : reuseportsOf(kernel).groups.get(off);
}

/** Whether SO_REUSEPORT is set. */
export function sharesPort(kernel: KernelServices, sk: number): boolean {
  return readField(kernel, sk, 'sock_common.skc_reuseport') !== 0;
}

function newGroup(kernel: KernelServices, sk: number): ReuseportGroup | undefined {
  const off = kernel.mem.alloc(GROUP_SIZE, { kind: 'object', name: 'sock_reuseport' });
  if (off === 0) return undefined;
  // v5.6 numbers a group when one of its sockets is put into a map; later versions number it at once.
  const id = versionAtLeast(kernel.version, '5.7') ? reuseportsOf(kernel).nextId() : 0;
  const group: ReuseportGroup = { off, id, bindInany: false, socks: [sk], prog: undefined };
  reuseportsOf(kernel).groups.set(off, group);
  writePointerField(kernel, sk, SK_CB, off);
  return group;
}

/** What makes two sockets share: everything they are bound to, and whose they are. */
function sameBinding(kernel: KernelServices, a: number, b: number): boolean {
  const members = [
    'sock_common.skc_family',
    'sock_common.skc_num',
    'sock_common.skc_bound_dev_if',
    'sock.sk_protocol',
    'sock.sk_uid',
  ];
  const addresses = ['skc_rcv_saddr', 'skc_v6_rcv_saddr'].map((name) => kernel.types.resolve(`sock_common.${name}`));
  return (
    members.every((path) => readField(kernel, a, path) === readField(kernel, b, path)) &&
    addresses.every(({ off, size }) => kernel.mem.compare(a + off, b + off, size) === 0) &&
    sharesPort(kernel, b)
  );
}

/** A socket with SO_REUSEPORT begins to receive: it joins those that share its binding. 0 or -ENOMEM. */
export function joinGroup(net: Net, sk: number, options: { inany: boolean }): Errno {
  const { kernel } = net;
  const netns = net.sockets.socks.find(({ off }) => off === sk)?.netns;
  const other = net.sockets.socks.find(
    (sock) => sock.off !== sk && sock.netns === netns && isRcuFree(net, sock.off) && sameBinding(kernel, sk, sock.off),
  );
  let group = other === undefined ? groupOf(kernel, sk) : groupOf(kernel, other.off);
  if (group === undefined) {
    group = newGroup(kernel, other?.off ?? sk);
    if (group === undefined) return -ENOMEM;
  }
  if (!group.socks.includes(sk)) {
    const before = groupOf(kernel, sk);
    if (before !== undefined && before !== group) leaveGroup(kernel, sk);
    group.socks = [...group.socks, sk];
    writePointerField(kernel, sk, SK_CB, group.off);
  }
  group.bindInany ||= options.inany;
  return 0;
}

/** A socket is closed. The last one takes the group with it; the last socket moves into the place that is free. */
export function leaveGroup(kernel: KernelServices, sk: number): void {
  const group = groupOf(kernel, sk);
  if (group === undefined) return;
  const at = group.socks.indexOf(sk);
  const socks = [...group.socks];
  const last = socks.pop();
  if (at >= 0 && at < socks.length && last !== undefined) socks[at] = last;
  group.socks = socks;
  writePointerField(kernel, sk, SK_CB, 0);
  if (socks.length > 0) return;
  group.prog?.put();
  reuseportsOf(kernel).groups.delete(group.off);
  kernel.mem.free(group.off);
}

/** A socket of the group is put into a map of such sockets: from now on programs are held to the group's number. */
export function numberGroup(kernel: KernelServices, sk: number): void {
  const group = groupOf(kernel, sk);
  if (group?.id === 0) group.id = reuseportsOf(kernel).nextId();
}

/** SO_ATTACH_REUSEPORT_EBPF. @errno EINVAL the socket was bound without SO_REUSEPORT @errno ENOMEM */
export function attachToGroup(kernel: KernelServices, sk: number, prog: BpfProg): Errno {
  const bound = readField(kernel, sk, 'sock_common.skc_num') !== 0;
  const group = groupOf(kernel, sk) ?? (!bound && sharesPort(kernel, sk) ? newGroup(kernel, sk) : undefined);
  if (group === undefined) return !bound && sharesPort(kernel, sk) ? -ENOMEM : -EINVAL;
  prog.get();
  group.prog?.put();
  group.prog = prog;
  return 0;
}

/** SO_DETACH_REUSEPORT_BPF. @errno ENOENT nothing is attached @errno EINVAL a socket without SO_REUSEPORT */
export function detachFromGroup(kernel: KernelServices, sk: number): Errno {
  const group = groupOf(kernel, sk);
  if (group === undefined) return sharesPort(kernel, sk) ? -ENOENT : -EINVAL;
  if (group.prog === undefined) return -ENOENT;
  group.prog.put();
  group.prog = undefined;
  return 0;
}
