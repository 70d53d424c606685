// SPDX-License-Identifier: MIT
// Programs of socket maps. @see net/core/sock_map.c, sock_map_get_from_fd
import {
  BPF_PROG_TYPE_SK_MSG,
  BPF_PROG_TYPE_SK_SKB,
  BPF_SK_MSG_VERDICT,
  BPF_SK_SKB_STREAM_PARSER,
  BPF_SK_SKB_STREAM_VERDICT,
  EOPNOTSUPP,
} from '@tsbpf/uapi';
import type { AttachRow, BpfProg, Errno, KernelServices } from '@tsbpf/core';
import { setSockProg, SockMapObject, type SockProgSlot } from './sock-map-object.ts';

const SLOTS: Readonly<Record<number, SockProgSlot>> = {
  [BPF_SK_SKB_STREAM_PARSER]: 'skbParser',
  [BPF_SK_SKB_STREAM_VERDICT]: 'skbVerdict',
  [BPF_SK_MSG_VERDICT]: 'msgVerdict',
};

/** Fills or empties a map's slot. @errno EBADF @errno EINVAL not a map's fd @errno EOPNOTSUPP no map of sockets */
function change(
  kernel: KernelServices,
  prog: BpfProg | undefined,
  attr: { readonly target_fd?: number; readonly attach_type: number },
): Errno {
  const file = kernel.fds.get(attr.target_fd ?? 0, 'map');
  if (typeof file === 'number') return file;
  const slot = SLOTS[attr.attach_type];
  if (!(file.map instanceof SockMapObject) || slot === undefined) return -EOPNOTSUPP;
  setSockProg(kernel, file.map.progsOff, { slot, prog });
  return 0;
}

/** Attaches programs to socket maps; sockets that are in them already do not notice. */
export const sockMapAttachRow: AttachRow = {
  attachTypes: {
    [BPF_SK_SKB_STREAM_PARSER]: BPF_PROG_TYPE_SK_SKB,
    [BPF_SK_SKB_STREAM_VERDICT]: BPF_PROG_TYPE_SK_SKB,
    [BPF_SK_MSG_VERDICT]: BPF_PROG_TYPE_SK_MSG,
  },
  attach: change,
  detach: (kernel, _prog, attr) => change(kernel, undefined, attr),
};
