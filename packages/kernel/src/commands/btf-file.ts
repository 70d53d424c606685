// SPDX-License-Identifier: MIT
import type { BtfFile, KernelBtf } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';

/** Opens an fd for BTF that the caller holds; without one the reference is dropped. The fd, or -EMFILE. */
export function installBtf(k: KernelState, btf: KernelBtf): number {
  const file: BtfFile = {
    kind: 'btf',
    name: 'btf',
    btf,
    release: () => btf.put(),
    fdinfo: () => [`btf_id:\t${btf.id}`],
  };
  const fd = k.fds.install(file);
  if (fd < 0) btf.put();
  return fd;
}
