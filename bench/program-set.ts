// SPDX-License-Identifier: MIT
// The programs of programs/programs.bpf.c, and what their maps hold: the same for any bpf(2).
import { BPF_MAP_UPDATE_ELEM, InternalError, type Sys } from '@tsbpf/uapi';
import type { BpfObject } from 'tsbpf';

/** What is expected of a program: ../shared/performance.md, "Targets". */
export interface BenchProgram {
  readonly name: string;
  /** Time of compiled code as a multiple of the kernel's JIT, at most; `atomics`: with real atomic instructions. */
  readonly goal: number;
  readonly atomicsGoal?: number;
  /** Nanoseconds of an instruction in the prototype's interpreter of lo/hi words. */
  readonly prototype?: number;
}

/** In the order of the prototype's table; the first one is what runs cost that do nothing. */
export const PROGRAMS: readonly BenchProgram[] = [
  { name: 'trivial', goal: 1, prototype: 9.5 },
  { name: 'alu64', goal: 1.05, prototype: 4.3 },
  { name: 'alu32', goal: 1, prototype: 3.72 },
  { name: 'collatz', goal: 1.05, prototype: 4.41 },
  { name: 'sieve', goal: 0.95, prototype: 4.82 },
  { name: 'csum', goal: 1.05, prototype: 4.13 },
  { name: 'memcpy8', goal: 0.85, prototype: 4.38 },
  { name: 'xdpcnt', goal: 0.6, prototype: 4.28 },
  { name: 'xdpcnt_atomic', goal: 0.4, atomicsGoal: 0.9, prototype: 4.47 },
  { name: 'flow', goal: 0.75, prototype: 4.96 },
  { name: 'flow_upd', goal: 0.55, prototype: 5.86 },
  { name: 'lpm', goal: 0.9, prototype: 6.19 },
  { name: 'helper1000', goal: 1.3, prototype: 3.84 },
  { name: 'call1000', goal: 1.3, prototype: 12.21 },
  { name: 'tail32', goal: 2 },
];

/** An Ethernet, IPv4 and UDP header, and payload up to 1,500 bytes. */
export function packetBytes(): Uint8Array {
  const bytes = Uint8Array.from({ length: 1500 }, (_, i) => (i * 7 + 3) & 0xff);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 5, 0xce, 0, 1, 0, 0, 64, 17, 0, 0, 10, 1, 2, 3]);
  bytes.set([192, 168, 7, 9, 0x30, 0x39, 0, 53, 5, 0xba, 0, 0], 30);
  return bytes;
}

/** Fills the maps: 500 flows with the packet's among them, and 501 prefixes with one that matches it. */
export function fillMaps(sys: Sys, obj: BpfObject): void {
  const put = (name: string, key: Uint8Array, valueSize: number): void => {
    const map_fd = obj.map(name).fd;
    const result = sys.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key, value: new Uint8Array(valueSize), flags: 0n });
    if (result < 0) throw new InternalError(`filling ${name}: ${result}`);
  };
  for (let i = 0; i < 500; i++) {
    const key = new Uint8Array(16);
    key.set(packetBytes().subarray(26, 38));
    key[12] = 17;
    if (i > 0) key.set([i & 0xff, i >> 8, 0, 0]);
    put('flows', key, 16);
  }
  for (let i = 0; i <= 500; i++) {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, i === 500 ? 24 : 8 + (i % 25), true);
    view.setUint32(4, i === 500 ? 0xc0a80700 : Math.imul(i, 0x9e3779b1) >>> 0);
    put('routes', new Uint8Array(view.buffer), 8);
  }
}
