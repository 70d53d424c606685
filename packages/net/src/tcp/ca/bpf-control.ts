// SPDX-License-Identifier: MIT
// A congestion control whose members are programs: they see the socket as a tcp_sock in kernel memory.
import type { CallRegs, FuncEntry, KernelServices, StructOpsInstance } from '@tsbpf/core';
import { KERNEL_BASE_HI } from '@tsbpf/memory';
import type { TcpSock } from '../sock/tcp-sock.ts';
import type { AckSample, CongestionControl, RateSample } from './congestion-control.ts';
import { sampleWriter } from './samples.ts';

const NAME_MAX = 16;

/** The name of a table in kernel memory. */
export function tableName(kernel: KernelServices, off: number): string {
  const bytes = kernel.mem.readBytes(off + kernel.types.resolve('tcp_congestion_ops.name').off, NAME_MAX);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? NAME_MAX : end));
}

/** How many arguments `cong_control` has in this kernel's BTF: v6.10 put two before the sample. */
function congControlArgs({ types }: KernelServices): number {
  const { btf } = types;
  const ptr = btf.skipModifiers(types.resolve('tcp_congestion_ops.cong_control').typeId);
  return btf.funcProto(btf.skipModifiers(btf.sizeOrType(ptr))).params.length;
}

/** Calls a member with a socket and up to two more words, or a pointer last; R0's low word, unsigned. */
class MemberCaller {
  readonly #regs: CallRegs = { lo: new Int32Array(7), hi: new Int32Array(7) };
  #depth = 0;

  call(entry: FuncEntry, sk: TcpSock, a2 = 0, a3 = 0, a2Hi = 0, a4 = 0): number {
    // A program may bring about a call of another: bpf_tcp_send_ack does.
    const regs = this.#depth === 0 ? this.#regs : { lo: new Int32Array(7), hi: new Int32Array(7) };
    this.#depth++;
    sk.push();
    try {
      regs.lo[1] = sk.off;
      regs.hi[1] = KERNEL_BASE_HI;
      regs.lo[2] = a2;
      regs.hi[2] = a2Hi;
      regs.lo[3] = a3;
      regs.hi[3] = 0;
      regs.lo[4] = a4;
      regs.hi[4] = KERNEL_BASE_HI;
      entry(regs);
      return regs.lo[0] >>> 0;
    } finally {
      this.#depth--;
      sk.pull();
    }
  }
}

/** Makes a congestion control of a registered table. Members it lacks are not there. */
export function bpfCongestionControl(kernel: KernelServices, instance: StructOpsInstance): CongestionControl {
  const caller = new MemberCaller();
  const flagsOff = kernel.types.resolve('tcp_congestion_ops.flags').off;
  const writer = sampleWriter(kernel);
  const entry = (name: string): FuncEntry | undefined => instance.member(name);
  const plain = (name: string) => {
    const program = entry(name);
    return program === undefined ? undefined : (sk: TcpSock): number => caller.call(program, sk);
  };
  const withWord = (name: string) => {
    const program = entry(name);
    return program === undefined ? undefined : (sk: TcpSock, word: number) => void caller.call(program, sk, word);
  };
  const sampleArg = congControlArgs(kernel);
  const [congAvoid, pktsAcked, congControl] = [entry('cong_avoid'), entry('pkts_acked'), entry('cong_control')];
  return {
    name: tableName(kernel, instance.off),
    flags: kernel.mem.read32(instance.off + flagsOff),
    inKernelMemory: true,
    tableOff: instance.off,
    get: () => instance.get(),
    put: () => instance.put(),
    init: plain('init'),
    release: plain('release'),
    ssthresh: plain('ssthresh') ?? missing,
    undoCwnd: plain('undo_cwnd') ?? missing,
    minTsoSegs: plain('min_tso_segs'),
    sndbufExpand: plain('sndbuf_expand'),
    setState: withWord('set_state'),
    cwndEvent: withWord('cwnd_event'),
    inAckEvent: withWord('in_ack_event'),
    congAvoid:
      congAvoid === undefined ? undefined : (sk, ack, acked) => void caller.call(congAvoid, sk, ack | 0, acked),
    pktsAcked:
      pktsAcked === undefined
        ? undefined
        : (sk: TcpSock, sample: AckSample) =>
            void caller.call(pktsAcked, sk, writer.ackSample(sample), 0, KERNEL_BASE_HI),
    congControl:
      congControl === undefined
        ? undefined
        : sampleArg === 4
          ? (sk: TcpSock, sample: RateSample) =>
              void caller.call(congControl, sk, sk.seqOf(sk.sndUna) | 0, 0, 0, writer.rateSample(sample))
          : (sk: TcpSock, sample: RateSample) =>
              void caller.call(congControl, sk, writer.rateSample(sample), 0, KERNEL_BASE_HI),
  };
}

/** A table without such a member is not registered. */
const missing = (): number => 0;
