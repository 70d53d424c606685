// SPDX-License-Identifier: MIT
import { ENOMEM, type TestRunAttr } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { testRunSkb } from '@tsbpf/net';
import { cgroupsOf } from '../cgroups.ts';
import { allocStorages, freeStorages } from '../storage/storage.ts';

/**
 * BPF_PROG_TEST_RUN of a cgroup_skb program: a packet, and storages that last as long as the command.
 * @errno ENOMEM no memory for storages
 * @see net/bpf/test_run.c, bpf_test_run
 */
export function testRunCgroupSkb(kernel: KernelServices, prog: BpfProg, attr: TestRunAttr): number {
  const cgroups = cgroupsOf(kernel);
  const storages = allocStorages(prog, cgroups.nextSeq());
  if (storages === undefined) return -ENOMEM;
  const outer = cgroups.currentStorages;
  cgroups.currentStorages = storages;
  try {
    return testRunSkb(kernel, prog, attr);
  } finally {
    cgroups.currentStorages = outer;
    freeStorages(storages);
  }
}
