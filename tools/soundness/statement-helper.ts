// SPDX-License-Identifier: MIT
// Calls of helpers: every class of arguments.
import {
  alu64Imm,
  callHelper,
  jmpImm,
  ldMapFd,
  ldxMem,
  mov64Imm,
  mov64Reg,
  stMem,
  stxMem,
} from '../../packages/insn/src/index.ts';
import { BPF_ADD, BPF_AND, BPF_DW, BPF_JEQ, BPF_PROG_TYPE_TRACING } from '../../packages/uapi/src/index.ts';
import { NUM } from './kinds.ts';
import type { NetMap } from './net-kernel.ts';
import { packetOutput, stringToNumber, xdpSocket } from './statement-object.ts';
import { SCRATCH_OFF, type Writer } from './writer.ts';

const SK_FIELD = 168;

/** R`reg` = the scratch area. */
function scratch(w: Writer, reg: number, off = 0): void {
  w.put(mov64Reg(reg, 10), alu64Imm(BPF_ADD, reg, SCRATCH_OFF + off));
}

/** R`reg` = a size of at most `max` bytes, known or not. */
function size(w: Writer, reg: number, max: number, zero: boolean): void {
  const { random } = w;
  if (random.chance(0.5)) {
    w.put(mov64Imm(reg, w.risky ? max + 8 : random.between(zero ? 0 : 1, max)));
    return;
  }
  const from = w.numbers().filter((r) => r >= 6);
  w.put(from.length > 0 ? mov64Reg(reg, random.pick(from)) : mov64Imm(reg, w.imm()));
  const mask = 2 ** Math.floor(Math.log2(max)) - 1;
  w.put(alu64Imm(BPF_AND, reg, mask));
  if (!zero) w.put(alu64Imm(BPF_ADD, reg, 1));
}

type Call = (w: Writer) => void;

const simple =
  (id: number): Call =>
  (w) =>
    w.put(callHelper(id));

const update: Call = (w) => {
  const { random, maps } = w;
  const map: NetMap = random.pick([maps.array, maps.hash, maps.lru, maps.percpuHash, maps.lpm]);
  w.fillScratch(10);
  if (map.name === 'lpm') w.put(stMem(BPF_DW, 10, SCRATCH_OFF, 8));
  scratch(w, 2);
  const value = random.pick([...w.having('value').filter((r) => r >= 6), 10]);
  const kind = value === 10 ? undefined : w.kind(value);
  if (kind?.is === 'value' && kind.map.valueSize - kind.off >= map.valueSize) w.put(mov64Reg(3, value));
  else scratch(w, 3, 8);
  w.put(mov64Imm(4, random.below(3)), ldMapFd(1, map.fd), callHelper(2));
};

const remove: Call = (w) => {
  const { maps, random } = w;
  const map = random.pick([maps.hash, maps.lru, maps.percpuHash, maps.lpm]);
  w.fillScratch(1, map.name === 'lpm' ? 8 : random.below(4));
  scratch(w, 2);
  w.put(ldMapFd(1, map.fd), callHelper(3));
};

const queue: Call = (w) => {
  w.fillScratch(1);
  scratch(w, 2);
  w.put(mov64Imm(3, 0), ldMapFd(1, w.maps.queue.fd), callHelper(w.random.pick([87, 88, 89])));
};

const output: Call = (w) => {
  w.fillScratch(5);
  scratch(w, 4);
  size(w, 5, 32, true);
  w.put(ldMapFd(2, w.maps.perf.fd), mov64Imm(3, w.random.below(2)), mov64Reg(1, 6), callHelper(25));
};

const checksum: Call = (w) => {
  const { random } = w;
  w.fillScratch(4);
  const none = random.chance(0.4);
  if (none) w.put(mov64Imm(1, 0), mov64Imm(2, 0));
  else {
    scratch(w, 1);
    w.put(mov64Imm(2, 4 * random.below(8)));
  }
  scratch(w, 3);
  w.put(mov64Imm(4, 4 * random.between(1, 7)), mov64Imm(5, random.below(100)), callHelper(28));
};

const loadBytes: Call = (w) => {
  const { random } = w;
  const from = w.numbers().filter((r) => r >= 6);
  w.put(from.length > 0 ? mov64Reg(2, random.pick(from)) : mov64Imm(2, random.below(40)));
  scratch(w, 3);
  const lenBytes = random.pick([1, 4, 8, 14]);
  w.put(mov64Imm(4, lenBytes), mov64Reg(1, 6), callHelper(26));
};

const storeBytes: Call = (w) => {
  w.fillScratch(3);
  w.put(mov64Imm(2, w.random.below(20)));
  scratch(w, 3);
  size(w, 4, 16, false);
  w.put(mov64Imm(5, 0), mov64Reg(1, 6), callHelper(9));
  w.forgetPacket();
};

const comm: Call = (w) => {
  scratch(w, 1);
  w.put(mov64Imm(2, w.random.pick([4, 16])), callHelper(16));
};

const probeRead: Call = (w) => {
  const from = w.numbers().filter((r) => r >= 6);
  if (w.random.chance(0.6)) w.put(mov64Reg(3, 6));
  else w.put(from.length > 0 ? mov64Reg(3, w.random.pick(from)) : mov64Imm(3, 0));
  if (w.random.chance(0.6)) {
    w.fillScratch(4, w.random.below(2));
    scratch(w, 1);
    size(w, 2, 32, true);
  } else {
    scratch(w, 1);
    w.put(mov64Imm(2, w.random.between(1, 24)));
  }
  w.put(callHelper(4), ldxMem(BPF_DW, 1, 10, SCRATCH_OFF));
};

const print: Call = (w) => {
  w.fillScratch(1, 0);
  scratch(w, 1);
  w.put(mov64Imm(2, 8), callHelper(6));
};

const tailCall: Call = (w) => {
  const from = w.numbers().filter((r) => r >= 6);
  w.put(from.length > 0 ? mov64Reg(3, w.random.pick(from)) : mov64Imm(3, w.random.below(3)));
  w.put(ldMapFd(2, w.maps.progs.fd), mov64Reg(1, 6), callHelper(12));
};

const stackId: Call = (w) => {
  w.put(ldMapFd(2, w.maps.stacks.fd), mov64Imm(3, 0), mov64Reg(1, 6), callHelper(27));
};

const getStack: Call = (w) => {
  w.fillScratch(6);
  scratch(w, 2);
  w.put(mov64Imm(3, 8 * w.random.between(1, 5)), mov64Imm(4, 0), mov64Reg(1, 6), callHelper(67));
};

const cookie: Call = (w) => {
  w.put(mov64Reg(1, 6), callHelper(46));
};

const storage: Call = (w) => {
  const { random, maps } = w;
  const done = w.label();
  w.put(stMem(BPF_DW, 10, SCRATCH_OFF, random.below(9)), ldxMem(BPF_DW, 2, 6, SK_FIELD), jmpImm(BPF_JEQ, 2, 0, done));
  w.put(mov64Reg(1, 2), callHelper(95), jmpImm(BPF_JEQ, 0, 0, done), mov64Reg(2, 0));
  if (random.chance(0.15)) {
    w.put(ldMapFd(1, maps.storage.fd), callHelper(108), done, mov64Imm(0, 0));
    return;
  }
  if (random.chance(0.5)) w.put(mov64Imm(3, 0));
  else scratch(w, 3);
  w.put(mov64Imm(4, random.below(2)), ldMapFd(1, maps.storage.fd), callHelper(107), jmpImm(BPF_JEQ, 0, 0, done));
  w.put(ldxMem(BPF_DW, 1, 0, 0), alu64Imm(BPF_ADD, 1, 1), stxMem(BPF_DW, 0, 1, 0), done, mov64Imm(0, 0));
};

/** One call; its result is a number. */
export function helperStatement(w: Writer): void {
  const { flavour, random } = w;
  if (flavour.buffer === 'xdp' && random.chance(0.3)) return xdpSocket(w);
  if (flavour.name === 'sysctl' && random.chance(0.6)) return stringToNumber(w);
  if (flavour.name === 'tp_btf' && random.chance(0.5)) return packetOutput(w);
  if (flavour.name === 'cgroup_skb' && random.chance(0.3)) {
    storage(w);
    return w.called(NUM);
  }
  const calls: Call[] = [simple(8), update, update, remove, queue, queue];
  if (flavour.name !== 'sysctl') calls.push(simple(5), simple(7));
  if (w.single && flavour.type !== BPF_PROG_TYPE_TRACING && flavour.name !== 'sysctl') calls.push(tailCall);
  if (flavour.tracing === true) calls.push(comm, probeRead, print, simple(14));
  if (flavour.name === 'kprobe' || flavour.name === 'tracepoint') calls.push(output, stackId, getStack);
  if (flavour.buffer !== undefined && flavour.buffer !== 'flow' && !w.users) calls.push(output);
  if (flavour.name === 'cls' || flavour.name === 'xdp' || flavour.name === 'lwt_xmit') calls.push(checksum, checksum);
  if (flavour.buffer === 'skb' || flavour.name === 'socket') calls.push(loadBytes, loadBytes);
  if (flavour.name === 'cls') calls.push(storeBytes, cookie);
  random.pick(calls)(w);
  w.called(NUM);
  if (!w.frozen && random.chance(0.3)) {
    const index = random.below(8);
    w.put(stxMem(BPF_DW, 10, 0, -8 * (index + 1)));
    w.setSlot(index, NUM);
  }
}
