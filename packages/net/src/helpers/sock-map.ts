// SPDX-License-Identifier: MIT
// Socket maps filled by sock_ops programs. @see net/core/sock_map.c, bpf_sock_map_update, bpf_sock_hash_update
import { EOPNOTSUPP } from '@tsbpf/uapi';
import { defineHelper, type Errno, type HelperCall, type HelperRow } from '@tsbpf/core';
import { readPointer } from '../dev/pointer.ts';
import { sockHashStore, type SockHash } from '../maps/sockhash.ts';
import { sockMapStore, type SockMap } from '../maps/sockmap.ts';
import type { SockMapObject } from '../sockmap/sock-map-object.ts';
import { isTcpStream } from '../sockmap/socket-check.ts';

const TWO_TO_32 = 2 ** 32;
/** BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB and BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB. */
const [ACTIVE, PASSIVE] = [4, 5];

/** Stores the socket of a `bpf_sock_ops_kern`, while its connection is being established. */
function updateWith<M extends SockMapObject>(
  { kernel, argHi }: HelperCall,
  args: { readonly ctx: number; readonly map: number; readonly flags: number },
  store: (map: M, sk: number, flags: number) => Errno,
): Errno {
  const { mem, types } = kernel;
  const ctx = args.ctx >>> 0;
  const sk = readPointer(mem, ctx + types.resolve('bpf_sock_ops_kern.sk').off);
  const op = mem.read32(ctx + types.resolve('bpf_sock_ops_kern.op').off);
  const established = op === ACTIVE || op === PASSIVE;
  const map = kernel.objects.get<M>(args.map >>> 0, 'map');
  if (map === undefined || !established || !isTcpStream(kernel, sk)) return -EOPNOTSUPP;
  return store(map, sk, (argHi[4] ?? 0) * TWO_TO_32 + (args.flags >>> 0));
}

/** Helpers that put a sock_ops program's socket into a map. */
export const sockMapHelpers: readonly HelperRow[] = [
  defineHelper('bpf_sock_map_update', {
    retWidth: 'sext',
    wideArgs: [4],
    call: (call, ctx, map, keyOff, flags) =>
      updateWith<SockMap>(call, { ctx, map, flags }, (sockMap, sk, all) =>
        sockMapStore(sockMap, sockMap.mem.read32(keyOff >>> 0), sk, all),
      ),
  }),
  defineHelper('bpf_sock_hash_update', {
    retWidth: 'sext',
    wideArgs: [4],
    call: (call, ctx, map, keyOff, flags) =>
      updateWith<SockHash>(call, { ctx, map, flags }, (sockHash, sk, all) =>
        sockHashStore(sockHash, keyOff >>> 0, sk, all),
      ),
  }),
];
