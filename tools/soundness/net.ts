// SPDX-License-Identifier: MIT
// One program through the net: loaded, run over random packets and contexts, and followed.
import type { RunView } from '../../packages/core/src/index.ts';
import { encodeInsns, formatAsm } from '../../packages/insn/src/index.ts';
import {
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  FaultError,
  NotSupportedError,
  type ProgLoadAttr,
} from '../../packages/uapi/src/index.ts';
import { Follower, type PacketOffsets, type Violation } from './follow.ts';
import type { RandomProgram } from './generate.ts';
import type { NetKernel } from './net-kernel.ts';
import { PathGraph } from './path-graph.ts';
import { Random } from './random.ts';

export interface Outcome {
  readonly accepted: boolean;
  /** Last line of the log of what was rejected. */
  readonly message: string;
  /** Instructions compared with states, and those of them with all that a state knows. */
  readonly compared: number;
  readonly exact: number;
  /** The verifier was wrong, or something is wrong with what watches it. */
  readonly violation: string | undefined;
}

const LOG_BYTES = 1 << 20;
const GPL = 'GPL';
const TEST_STATE_FREQ = 8;

/** Where a program type's context keeps the packet. */
export function packetOffsets(net: NetKernel, buffer: 'xdp' | 'skb' | undefined): PacketOffsets | undefined {
  const { types } = net.kernel.state;
  const at = (path: string): number => types.resolve(path).off;
  if (buffer === 'xdp') {
    return { data: at('xdp_buff.data'), dataMeta: at('xdp_buff.data_meta'), dataEnd: at('xdp_buff.data_end') };
  }
  if (buffer === undefined) return undefined;
  const cb = at('sk_buff.cb');
  return {
    data: at('sk_buff.data'),
    dataMeta: cb + at('bpf_skb_data_end.data_meta'),
    dataEnd: cb + at('bpf_skb_data_end.data_end'),
  };
}

/** The last line that says something. */
export function lastMessage(log: Uint8Array): string {
  const end = log.indexOf(0);
  const lines = new TextDecoder().decode(log.subarray(0, end < 0 ? log.length : end)).split('\n');
  return lines.filter((line) => line !== '' && !/^(processed|verification time|stack depth) /.test(line)).at(-1) ?? '';
}

/** Loads a program, runs it so many times, and says what was found. */
export function throughTheNet(net: NetKernel, prog: RandomProgram, runs = 4): Outcome {
  const graph = new PathGraph();
  const log = new Uint8Array(LOG_BYTES);
  const random = new Random(prog.seed ^ 0x51ed270b);
  const outcome = (more: Partial<Outcome>): Outcome => ({
    accepted: false,
    message: '',
    compared: 0,
    exact: 0,
    violation: undefined,
    ...more,
  });
  const attr: ProgLoadAttr = {
    prog_type: prog.flavour.type,
    insns: encodeInsns(prog.insns),
    license: GPL,
    log_level: 4,
    log_buf: log,
    prog_flags: random.chance(0.3) ? TEST_STATE_FREQ : 0,
  };
  net.observer = graph;
  let fd: number;
  try {
    fd = net.kernel.bpf(BPF_PROG_LOAD, attr);
  } catch (error) {
    if (error instanceof NotSupportedError) return outcome({ message: error.message });
    return outcome({ violation: `loading throws ${String(error)}` });
  } finally {
    net.observer = undefined;
  }
  if (fd < 0) return outcome({ message: lastMessage(log) });
  const counts = { compared: 0, exact: 0 };
  try {
    const subprogs = prog.insns.some(({ code, src }) => code === 0x85 && src === 1);
    for (let i = 0; i < runs; i++) {
      const follower = new Follower(net.kernel.state, {
        graph,
        insns: prog.insns,
        precise: subprogs,
        packet: packetOffsets(net, prog.flavour.buffer),
        mapAddr: (map) => net.mapOf(map).addr,
      });
      const watched = net.progOf(fd);
      const stop = net.kernel.state.observe({
        insn: (run: RunView) => {
          if (run.prog === watched && !graph.overflowed) follower.look(run);
        },
      });
      let fault: string | undefined;
      try {
        runOnce(net, prog, fd, random);
      } catch (error) {
        if (!(error instanceof NotSupportedError)) {
          fault = error instanceof FaultError ? error.message : `running throws ${String(error)}`;
        }
      } finally {
        stop();
      }
      counts.compared += follower.compared;
      counts.exact += follower.exact;
      const { violation } = follower;
      if (violation !== undefined || fault !== undefined) {
        return outcome({ accepted: true, ...counts, violation: report(violation, fault) });
      }
    }
  } finally {
    net.kernel.close(fd);
  }
  return outcome({ accepted: true, ...counts });
}

function runOnce(net: NetKernel, prog: RandomProgram, fd: number, random: Random): void {
  const { ctxBytes } = prog.flavour;
  if (ctxBytes === undefined) {
    const data_in = random.bytes(random.pick([14, 15, 20, 33, 34, 42, 60, 64, 100]));
    // IPv4, now and then.
    if (random.chance(0.5) && data_in.length > 34) data_in.set([8, 0, 0x45], 12);
    net.kernel.bpf(BPF_PROG_TEST_RUN, { prog_fd: fd, data_in, data_out: new Uint8Array(1024) });
    return;
  }
  const { state } = net.kernel;
  const ctx = state.mem.alloc(ctxBytes, { kind: 'ctx', name: 'random' });
  const bytes = random.bytes(ctxBytes);
  // Small numbers, and those around the edges of words.
  for (let i = 0; i < ctxBytes; i += 8) {
    const way = random.below(4);
    if (way === 0) bytes.fill(0, i + 1, i + 8);
    else if (way === 1) bytes.fill(0xff, i + 1, i + 8);
    else if (way === 2) bytes.fill(0, i + 4, i + 8);
  }
  state.mem.writeBytes(ctx, bytes);
  try {
    state.runProg(net.progOf(fd), ctx);
  } finally {
    state.mem.free(ctx);
  }
}

function report(violation: Violation | undefined, fault: string | undefined): string {
  const lines: string[] = [];
  if (violation !== undefined) {
    lines.push(`instruction ${violation.insnIdx}: ${violation.what}`);
    lines.push(violation.regs.map((value, reg) => `R${reg}=0x${value.toString(16)}`).join(' '));
  }
  if (fault !== undefined) lines.push(`fault: ${fault}`);
  return lines.join('\n');
}

/** A program with the numbers of its instructions. */
export function listing(prog: RandomProgram): string {
  const lines = formatAsm(prog.insns).split('\n');
  let idx = 0;
  const numbered = lines
    .filter((line) => line !== '')
    .map((line) => {
      const text = `${idx}: ${line}`;
      idx += prog.insns[idx]?.code === 0x18 ? 2 : 1;
      return text;
    });
  return `${prog.flavour.name}, seed ${prog.seed}\n${numbered.join('\n')}\n`;
}
