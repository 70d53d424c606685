// SPDX-License-Identifier: MIT
// Programs that see, and rewrite, addresses. @see kernel/bpf/cgroup.c, __cgroup_bpf_run_filter_sock_addr
import { EPERM } from '@tsbpf/uapi';
import type { Cgroups } from '../cgroups.ts';
import { withCallMemory } from '../run/context.ts';
import type { SimSocket } from './socket.ts';

/** Bytes of `struct sockaddr_storage`: programs may look at an address of either family. */
const STORAGE_BYTES = 128;

export interface AddrHookResult {
  /** 0 or -EPERM. */
  readonly err: number;
  /** The address as programs left it; empty where there was none. */
  readonly address: Uint8Array;
  /** The source address as programs left it. */
  readonly source: Uint8Array;
}

/**
 * Runs the programs of a socket's cgroup over an address. Without one they see a zeroed structure, and what they write
 * is lost. `source` is the source address of a datagram.
 */
export function runAddrHook(
  cgroups: Cgroups,
  socket: SimSocket,
  attachType: number,
  given: { address?: Uint8Array | undefined; source?: Uint8Array },
): AddrHookResult {
  const address = given.address ?? new Uint8Array(0);
  const source = given.source ?? new Uint8Array(0);
  if (!cgroups.enabled(socket.cgroup.id, attachType)) return { err: 0, address, source };
  const { mem } = cgroups.kernel;
  return withCallMemory(cgroups.kernel, (memory) => {
    const ctx = memory.context('bpf_sock_addr_kern');
    const at = memory.alloc(STORAGE_BYTES, 'sockaddr', 'sockaddr');
    mem.writeBytes(at, address);
    ctx.setPointer('sk', socket.sk.off);
    ctx.setPointer('uaddr', at);
    let sourceAt = 0;
    if (source.length > 0) {
      sourceAt = memory.alloc(source.length, 'sockaddr', 'source address');
      mem.writeBytes(sourceAt, source);
      ctx.setPointer('t_ctx', sourceAt);
    }
    const verdict = cgroups.run(socket.cgroup.id, attachType, ctx.off);
    return {
      err: verdict === 1 ? 0 : -EPERM,
      address: mem.readBytes(at, address.length),
      source: sourceAt === 0 ? source : mem.readBytes(sourceAt, source.length),
    };
  });
}
