// SPDX-License-Identifier: MIT
import {
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_PERCPU_HASH,
  BpfError,
  errnoName,
  type MapCreateAttr,
  type Sys,
} from '@tsbpf/uapi';
import type { KernelVersion, Registries } from '@tsbpf/core';
import type { Kernel } from '@tsbpf/kernel';
import { TestMap } from './test-map.ts';
import { createTestSys } from './test-sys.ts';

/** The running kernel and a simulated one that follows its version where a rule names one. */
export interface SystemPair {
  /** Undefined where there is none to compare with; `why` says the reason. */
  readonly real: Sys | undefined;
  readonly why: string;
  readonly sim: Kernel;
  /** A map on each: the running kernel's first. `close` closes them. */
  maps(attr: MapCreateAttr): [TestMap, TestMap];
  close(): void;
}

/** Opens both. `openReal` may throw a BpfError. */
export function openSystemPair(openReal: () => Sys, rows: Partial<Registries>): SystemPair {
  let real: Sys | undefined;
  let why = '';
  try {
    const candidate = openReal();
    const probe = { map_type: BPF_MAP_TYPE_PERCPU_HASH, key_size: 4, value_size: 4, max_entries: 1 };
    const fd = candidate.bpf(BPF_MAP_CREATE, probe);
    if (fd < 0) why = `bpf(2) answers ${errnoName(-fd)}`;
    else {
      candidate.close(fd);
      real = candidate;
    }
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    why = error.message;
  }
  const release = /^(\d+\.\d+)/.exec(real?.uname().release ?? '')?.[1] ?? '5.6';
  const cpus = real?.possibleCpus() ?? 2;
  const sim = createTestSys({ rows, env: { cpus }, rulesOf: release as KernelVersion });
  const opened: TestMap[] = [];
  return {
    real,
    why,
    sim,
    maps(attr) {
      const maps: [TestMap, TestMap] = [new TestMap(real ?? sim, attr), new TestMap(sim, attr)];
      opened.push(...maps);
      return maps;
    },
    close() {
      for (const map of opened) map.close();
    },
  };
}
