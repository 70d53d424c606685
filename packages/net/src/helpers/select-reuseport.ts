// SPDX-License-Identifier: MIT
// Choosing a socket by its place in a map. @see net/core/filter.c, sk_select_reuseport
import { EAFNOSUPPORT, EBADFD, ENOENT, EPROTOTYPE } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { readField, writePointerField } from '../dev/fields.ts';
import { readPointer } from '../dev/pointer.ts';
import type { ReuseportArray } from '../maps/reuseport-sockarray.ts';
import { groupOf } from '../reuseport/group.ts';

/** The helper of programs that choose among sockets. */
export const selectReuseportHelpers: readonly HelperRow[] = [
  defineHelper('sk_select_reuseport', {
    retWidth: 'sext',
    // Flags are not looked at.
    call({ kernel }, ctx, mapOff, keyOff) {
      const { mem, types } = kernel;
      const map = kernel.objects.get<ReuseportArray>(mapOff >>> 0, 'map');
      const selected = map?.sock(mem.read32(keyOff >>> 0)) ?? 0;
      // A socket that has left its group is as good as out of the map.
      const group = selected === 0 ? undefined : groupOf(kernel, selected);
      if (group === undefined) return -ENOENT;
      const id = readField(kernel, ctx >>> 0, 'sk_reuseport_kern.reuseport_id');
      if (group.id !== id) {
        if (id === 0) return -ENOENT;
        const sk = readPointer(mem, (ctx >>> 0) + types.resolve('sk_reuseport_kern.sk').off);
        const differs = (path: string): boolean => readField(kernel, sk, path) !== readField(kernel, selected, path);
        if (differs('sock.sk_protocol')) return -EPROTOTYPE;
        return differs('sock_common.skc_family') ? -EAFNOSUPPORT : -EBADFD;
      }
      writePointerField(kernel, ctx >>> 0, 'sk_reuseport_kern.selected_sk', selected);
      return 0;
    },
  }),
];
