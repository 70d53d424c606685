// SPDX-License-Identifier: MIT
// Sockets: looked up and let go, and that of a packet.
import { alu64Imm, callHelper, jmpImm, ldxMem, mov64Imm, mov64Reg, stMem } from '../../packages/insn/src/index.ts';
import { BPF_ADD, BPF_DW, BPF_JEQ, BPF_W } from '../../packages/uapi/src/index.ts';
import { NONE } from './kinds.ts';
import { SCRATCH_OFF, type Writer } from './writer.ts';

const SK_FIELD = 168;

/** Looks a socket up, reads it, lets it go. */
export function socketStatement(w: Writer): void {
  const { random, flavour } = w;
  if (flavour.sockets !== true || w.frozen) return;
  const before = w.belief();
  // The ports of sockets that there are, half of the time.
  if (random.chance(0.5)) w.fillScratch(5, 0);
  else for (let off = 0; off < 40; off += 8) w.put(stMem(BPF_DW, 10, SCRATCH_OFF + off, 0x01010101));
  const done = w.label();
  const [socket, skc] = [7, 8];
  const id = random.pick([84, 85, 99]);
  w.put(mov64Reg(1, 6), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, SCRATCH_OFF), mov64Imm(3, random.pick([12, 36])));
  w.put(mov64Imm(4, random.pick([0, -1])), mov64Imm(5, 0), callHelper(id));
  const [used, between] = [w.label(), w.risky];
  if (!between) w.put(jmpImm(BPF_JEQ, 0, 0, done));
  w.put(mov64Reg(socket, 0));
  if (id !== 99) w.put(ldxMem(BPF_W, 2, socket, random.pick([4, 8, 12])));
  else w.put(mov64Imm(2, 1));
  if (flavour.buffer === 'skb' && random.chance(0.5)) {
    w.put(mov64Reg(1, socket), callHelper(random.pick([96, 96, 98])));
    w.put(mov64Reg(skc, 0), jmpImm(BPF_JEQ, skc, 0, used), ldxMem(BPF_W, 2, skc, 0), used);
  }
  if (!w.risky) w.put(mov64Reg(1, socket), callHelper(86));
  w.put(done);
  w.believe(before);
  for (const r of [0, 1, 2, 3, 4, 5, socket, skc]) w.set(r, NONE);
}

/** The socket a packet belongs to. */
export function contextSocket(w: Writer): void {
  const { random, flavour } = w;
  if (flavour.name !== 'cls' && flavour.name !== 'cgroup_skb') return;
  const done = w.label();
  w.put(ldxMem(BPF_DW, 1, 6, SK_FIELD));
  if (!w.risky) w.put(jmpImm(BPF_JEQ, 1, 0, done));
  w.put(ldxMem(BPF_W, 2, 1, random.pick([4, 8, 12])));
  if (random.chance(0.6)) {
    w.put(callHelper(random.pick([95, 96])), jmpImm(BPF_JEQ, 0, 0, done), ldxMem(BPF_W, 2, 0, random.pick([0, 4])));
  }
  w.put(done);
  for (let r = 0; r <= 5; r++) w.set(r, NONE);
}
