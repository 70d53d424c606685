// SPDX-License-Identifier: MIT
import { BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, InternalError } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { mapArg } from '@tsbpf/helpers';
import { cgroupsOf } from '../cgroups.ts';
import { valueOf } from '../storage/storage.ts';

/** The storage of the attachment that runs. The verifier has seen to it that the map is the program's own. */
export const localStorageHelpers: readonly HelperRow[] = [
  defineHelper('bpf_get_local_storage', {
    retWidth: 'ptr',
    call(call, map) {
      const kind = mapArg(call, map).type === BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE ? 1 : 0;
      const storage = cgroupsOf(call).currentStorages[kind];
      if (storage === undefined) throw new InternalError(`${call.prog.name} runs without its cgroup storage`);
      return valueOf(storage) | 0;
    },
  }),
];
