// SPDX-License-Identifier: MIT
// One load of one program: here, by CPU time of the whole load; in the running kernel, by its "verification time".
import { assemble, encodeInsns } from '@tsbpf/insn';
import { BPF_PROG_LOAD, BPF_PROG_TYPE_SOCKET_FILTER, type Sys } from '@tsbpf/uapi';
import { createKernel } from 'tsbpf';

/** BPF_LOG_STATS: no trace. */
const LOG_STATS = 4;
/** A load shorter than this is repeated, for the clock's sake and because nobody loads one program only. */
const MIN_NS = 50e6;

/** Instructions processed, nanoseconds for each of them, and what the load answered. */
export interface Measured {
  readonly insns: number;
  readonly ns: number;
  readonly result: number;
}

interface Loaded {
  readonly insns: number;
  readonly usec: number;
  readonly result: number;
}

const kernel = createKernel();
let host: Sys | undefined;

function load(sys: Sys, insns: Uint8Array): Loaded {
  const log_buf = new Uint8Array(4096);
  const prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  const result = sys.bpf(BPF_PROG_LOAD, { prog_type, insns, license: 'GPL', log_level: LOG_STATS, log_buf });
  if (result >= 0) sys.close(result);
  const log = new TextDecoder().decode(log_buf);
  const usec = Number(/verification time (\d+) usec/.exec(log)?.[1] ?? NaN);
  return { insns: Number(/processed (\d+) insns/.exec(log)?.[1] ?? NaN), usec, result: Math.min(result, 0) };
}

/** Rewrites and the engine's decoding included. The simulated clock stands still, so that CPU time it is. */
export function measureOurs(text: string, minNs = MIN_NS): Measured {
  const insns = encodeInsns(assemble(text));
  const start = process.cpuUsage();
  for (let loads = 1; ; loads++) {
    const { insns: processed, result } = load(kernel, insns);
    const { user, system } = process.cpuUsage(start);
    const ns = (user + system) * 1000;
    if (ns >= minNs) return { insns: processed, ns: ns / loads / processed, result };
  }
}

/** @errno EPERM without root */
export async function measureHost(text: string): Promise<Measured> {
  const { createHost } = await import('@tsbpf/host');
  host ??= createHost();
  const { insns, usec, result } = load(host, encodeInsns(assemble(text)));
  return { insns, ns: (usec * 1000) / insns, result };
}
