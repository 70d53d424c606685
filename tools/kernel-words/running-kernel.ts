// SPDX-License-Identifier: MIT
import { createHost } from '@tsbpf/host';
import { BPF_PROG_LOAD, BPF_PROG_TYPE_XDP, BpfError, type Sys } from 'tsbpf';

/** The running kernel, or why programs cannot be loaded there. */
export function runningKernel(): { readonly host: Sys } | { readonly reason: string } {
  try {
    const host = createHost();
    const insns = new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
    const fd = host.bpf(BPF_PROG_LOAD, { prog_type: BPF_PROG_TYPE_XDP, insns, license: 'GPL' });
    if (fd < 0) return { reason: `the running kernel does not let us load programs (${fd})` };
    host.close(fd);
    return { host };
  } catch (error) {
    if (error instanceof BpfError) return { reason: error.message };
    throw error;
  }
}
