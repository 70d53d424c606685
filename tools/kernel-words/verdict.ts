// SPDX-License-Identifier: MIT
// One object on two kernels: what each says to it, and what its programs do to packets.
import {
  BPF_PROG_TYPE_XDP,
  openObject,
  SyscallError,
  VerifierError,
  type BpfObject,
  type BpfProgram,
  type Sys,
} from 'tsbpf';
import { createPrng, randomPacket } from '@tsbpf/capture';
import { lastMessage } from './words.ts';

/** Both fields are empty for what was accepted. */
export interface Verdict {
  readonly errno: string;
  readonly message: string;
}

export const ACCEPTED: Verdict = { errno: '', message: '' };

/** Opens an object, lets `prepare` change its settings, and loads it. */
export function judge(
  bytes: Uint8Array,
  options: { sys: Sys; name: string; prepare?: (obj: BpfObject) => void },
): { obj: BpfObject; verdict: Verdict } {
  const { prepare, ...open } = options;
  const obj = openObject(bytes, open);
  prepare?.(obj);
  try {
    obj.load();
    return { obj, verdict: ACCEPTED };
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return { obj, verdict: { errno: error.code, message: lastMessage(error.log) } };
  }
}

const ETH_HLEN = 14;

/** Frames that are always the same, some of them twice: flows recur. */
export function packets(count: number, seed = 1): Uint8Array[] {
  const prng = createPrng(seed);
  const list: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const { data } = randomPacket(prng);
    const frame = data.length < ETH_HLEN ? new Uint8Array(ETH_HLEN) : data;
    list.push(i % 3 === 2 ? (list[i >> 1] ?? frame) : frame);
  }
  return list;
}

/** What a program makes of a packet: the return value and the bytes, or the errno of a test run. */
export function outcome(prog: BpfProgram, data: Uint8Array): { retval: number; data: Uint8Array } | { errno: string } {
  try {
    const run = prog.testRun({ data });
    return { retval: run.retval, data: run.data ?? new Uint8Array() };
  } catch (error) {
    if (error instanceof SyscallError) return { errno: error.code };
    throw error;
  }
}

const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;

/**
 * Whether test runs of today refuse a packet that those of 5.6 take: one that is said to be IP and ends within the IP
 * header. XDP takes it in both.
 */
export function refusedSince617(prog: BpfProgram, data: Uint8Array): boolean {
  if (prog.type === BPF_PROG_TYPE_XDP) return false;
  const proto = ((data[12] ?? 0) << 8) | (data[13] ?? 0);
  const room = data.length - ETH_HLEN;
  return (proto === ETH_P_IP && room < 20) || (proto === ETH_P_IPV6 && room < 40);
}

/** A map's entries as sorted text. */
export const entriesOf = (obj: BpfObject, map: string): string[] =>
  [...obj.map(map).entries()]
    .map((entry) => JSON.stringify(entry, (_, x: unknown) => (typeof x === 'bigint' ? String(x) : x)))
    .sort();
