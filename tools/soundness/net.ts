// SPDX-License-Identifier: MIT
// One program through the net: loaded, run over random packets and contexts, and followed.
import type { BpfProg, FuncProto, RunView } from '../../packages/core/src/index.ts';
import { encodeInsns, formatAsm } from '../../packages/insn/src/index.ts';
import {
  BPF_F_STRICT_ALIGNMENT,
  BPF_F_TEST_RND_HI32,
  BPF_F_TEST_STATE_FREQ,
  BPF_PROG_LOAD,
  FaultError,
  NotSupportedError,
  type ProgLoadAttr,
} from '../../packages/uapi/src/index.ts';
import type { Coverage } from './coverage.ts';
import { Follower, type PacketOffsets, type Violation } from './follow.ts';
import type { RandomProgram } from './generate.ts';
import { fillInputs, poolOf, runOnce } from './inputs.ts';
import type { LawFacts } from './laws.ts';
import type { NetKernel } from './net-kernel.ts';
import { PathGraph } from './path-graph.ts';
import { Random } from './random.ts';
import type { PathObserver } from '../../packages/verifier/src/index.ts';

export interface Outcome {
  readonly accepted: boolean;
  /** Last line of the log of what was rejected. */
  readonly message: string;
  /** Instructions compared with states, and those of them with all that a state knows. */
  readonly compared: number;
  readonly exact: number;
  /** The verifier was wrong, or something is wrong with what watches it. */
  readonly violation: string | undefined;
  /** v5.6 was wrong: it is where its rules are mended that it is not. */
  readonly ownBug?: string;
}

export interface NetOptions {
  readonly runs?: number;
  readonly coverage?: Coverage;
}

const LOG = new Uint8Array(1 << 16);
const GPL = 'GPL';
/** What a correct verifier rejects gets more runs where it was accepted. */
const RUNS_OF_NEAR_MISSES = 24;

type Buffer = 'xdp' | 'skb' | 'flow' | undefined;

/** Where a program type's context keeps the packet. */
export function packetOffsets(net: NetKernel, buffer: Buffer): PacketOffsets | undefined {
  const { types } = net.kernel.state;
  switch (buffer) {
    case undefined:
      return undefined;
    case 'xdp':
      return {
        data: types.resolve('xdp_buff.data').off,
        dataMeta: types.resolve('xdp_buff.data_meta').off,
        dataEnd: types.resolve('xdp_buff.data_end').off,
      };
    case 'flow':
      return {
        data: types.resolve('bpf_flow_dissector.data').off,
        dataMeta: undefined,
        dataEnd: types.resolve('bpf_flow_dissector.data_end').off,
      };
    case 'skb': {
      const cb = types.resolve('sk_buff.cb').off;
      return {
        data: types.resolve('sk_buff.data').off,
        dataMeta: cb + types.resolve('bpf_skb_data_end.data_meta').off,
        dataEnd: cb + types.resolve('bpf_skb_data_end.data_end').off,
      };
    }
  }
}

/** The last line that says something. */
export function lastMessage(log: Uint8Array): string {
  const end = log.indexOf(0);
  const lines = new TextDecoder().decode(log.subarray(0, end < 0 ? log.length : end)).split('\n');
  return lines.filter((line) => line !== '' && !/^(processed|verification time|stack depth) /.test(line)).at(-1) ?? '';
}

function lawsOf(net: NetKernel, prog: RandomProgram, flags: number): LawFacts {
  const { flavour } = prog;
  return {
    strict: (flags & BPF_F_STRICT_ALIGNMENT) !== 0,
    unprivileged: flavour.unprivileged === true,
    writesPacket: flavour.packet?.write === true,
    returns: flavour.returns,
    mapAt: (addr) => net.mapLaw(addr),
    sizeOfStruct: (id) => net.sizeOfStruct(id),
  };
}

/** v5.6 accepts some programs that later versions found to be unsafe: its named rules. */
const MENDED = {
  leftMaskInclusive: true,
  mod32ZeroExtends: true,
  strHelpersKeepNegative: true,
  exitMarksPrecise: true,
  jumpsTaintPrecision: true,
  idsOfEqualRegisters: true,
  narrowLoad4Of8Masked: true,
  flowKeysConstOnly: true,
} as const;

/** Loads a program, runs it so many times, and says what was found. */
export function throughTheNet(net: NetKernel, prog: RandomProgram, options: NetOptions = {}): Outcome {
  const outcome = once(net, prog, options, undefined);
  if (outcome.violation === undefined) return outcome;
  // A bug of v5.6 itself, if it is gone where those are mended. What the run left behind must not matter.
  const again = once(net.fresh(), prog, { ...options, coverage: undefined }, undefined);
  // Or it must: then they are mended where it happened.
  const where = again.violation === undefined ? net : net.fresh();
  const mended = once(where, prog, { ...options, coverage: undefined }, MENDED);
  return mended.violation === undefined ? { ...outcome, violation: undefined, ownBug: outcome.violation } : outcome;
}

function once(net: NetKernel, prog: RandomProgram, options: NetOptions, mended: PathObserver['mended']): Outcome {
  const graph = new PathGraph(mended);
  const log = LOG.fill(0, 0, 1);
  const random = new Random(prog.seed ^ 0x51ed270b);
  const none = { accepted: false, message: '', compared: 0, exact: 0, violation: undefined };
  const { flavour, insns } = prog;
  let flags = random.chance(prog.nearMiss === undefined ? 0.3 : 0.6) ? BPF_F_TEST_STATE_FREQ : 0;
  if (prog.strict) flags |= BPF_F_STRICT_ALIGNMENT;
  if (random.chance(0.15)) flags |= BPF_F_TEST_RND_HI32;
  const attr: ProgLoadAttr = {
    prog_type: flavour.type,
    expected_attach_type: flavour.attachType ?? 0,
    attach_btf_id: net.attachBtfId(flavour),
    insns: encodeInsns(insns),
    license: GPL,
    log_level: 4,
    log_buf: log,
    prog_flags: flags,
  };
  net.observer = graph;
  let fd: number;
  try {
    fd = net.asUser(flavour.unprivileged === true, () => net.kernel.bpf(BPF_PROG_LOAD, attr));
  } catch (error) {
    if (error instanceof NotSupportedError) return { ...none, message: error.message };
    return { ...none, violation: `loading throws ${String(error)}` };
  } finally {
    net.observer = undefined;
  }
  if (fd < 0) return { ...none, message: lastMessage(log) };
  const protoOf = net.protos(net.progOf(fd));
  options.coverage?.verified(graph, insns, protoOf);
  try {
    return runAll(net, prog, { fd, graph, flags, random, protoOf, ...options });
  } finally {
    net.kernel.close(fd);
  }
}

interface Loaded extends NetOptions {
  readonly fd: number;
  readonly graph: PathGraph;
  readonly flags: number;
  readonly random: Random;
  readonly protoOf: (id: number) => FuncProto | undefined;
}

function runAll(net: NetKernel, prog: RandomProgram, loaded: Loaded): Outcome {
  const { graph, random, flags, fd, protoOf, coverage } = loaded;
  const { insns, flavour } = prog;
  const { state } = net.kernel;
  const precise = flavour.unprivileged === true || insns.some(({ code, src }) => code === 0x85 && src === 1);
  const watched = net.progOf(fd);
  const pool = poolOf(insns);
  const laws = lawsOf(net, prog, flags);
  const packet = packetOffsets(net, flavour.buffer);
  const counts = { compared: 0, exact: 0 };
  const runs = loaded.runs ?? (prog.nearMiss === undefined ? 4 : RUNS_OF_NEAR_MISSES);
  for (let i = 0; i < runs; i++) {
    fillInputs(net, pool, random);
    const mapAddr = (map: number): bigint => net.mapOf(map).addr;
    const follower = new Follower(state.mem, { graph, insns, precise, packet, mapAddr, protoOf, laws, coverage });
    const fault = observedRun(net, watched, follower, graph, () => runOnce(net, prog, fd, { random, pool }));
    counts.compared += follower.compared;
    counts.exact += follower.exact;
    const { violation } = follower;
    if (violation !== undefined || fault !== undefined) {
      return { accepted: true, message: '', ...counts, violation: report(violation, fault) };
    }
  }
  return { accepted: true, message: '', ...counts, violation: undefined };
}

/** Ends a run that has shown what it had to show. */
class Enough extends Error {}

function observedRun(
  net: NetKernel,
  watched: BpfProg,
  follower: Follower,
  graph: PathGraph,
  run: () => void,
): string | undefined {
  const stop = net.kernel.state.observe({
    insn: (view: RunView) => {
      if (view.prog !== watched || graph.overflowed) return;
      follower.look(view);
      if (follower.violation !== undefined) throw new Enough();
    },
  });
  try {
    run();
  } catch (error) {
    if (error instanceof Enough || error instanceof NotSupportedError) return undefined;
    return error instanceof FaultError ? error.message : `running throws ${String(error)}`;
  } finally {
    stop();
  }
  return undefined;
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
  const miss = prog.nearMiss === undefined ? '' : `, ${prog.nearMiss}`;
  return `${prog.flavour.name}, seed ${prog.seed}${miss}\n${numbered.join('\n')}\n`;
}
