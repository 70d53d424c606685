// SPDX-License-Identifier: MIT
// Structures of the kernel that programs read: flow keys, tracepoint buffers, and whatever its BTF describes.
import {
  BTF_KIND_ARRAY,
  BTF_KIND_ENUM,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  type Btf,
} from '../../packages/btf/src/index.ts';
import { callHelper, jmpImm, ldMapFd, ldxMem, mov64Imm, mov64Reg, stxMem } from '../../packages/insn/src/index.ts';
import { alu64Imm, stMem } from '../../packages/insn/src/index.ts';
import { BPF_ADD, BPF_B, BPF_DW, BPF_H, BPF_JEQ, BPF_W } from '../../packages/uapi/src/index.ts';
import { NONE, NUM, type Kind } from './kinds.ts';
import { BYTES, SIZES } from './statement-memory.ts';
import { SCRATCH_OFF, type Writer } from './writer.ts';

const FLOW_KEYS_BYTES = 56;
const TP_BYTES = 64;
const SIZE_OF: Readonly<Record<number, number>> = { 1: BPF_B, 2: BPF_H, 4: BPF_W, 8: BPF_DW };

/** What a load of a member yields. */
interface Field {
  readonly off: number;
  readonly bytes: number;
  readonly to: Kind;
}

const FIELDS = new WeakMap<Btf, Map<number, Field[]>>();

/** Members of a structure that can be loaded whole. */
export function fieldsOf(btf: Btf, structId: number): readonly Field[] {
  let known = FIELDS.get(btf);
  if (known === undefined) FIELDS.set(btf, (known = new Map<number, Field[]>()));
  let fields = known.get(structId);
  if (fields !== undefined) return fields;
  fields = [];
  const covered = new Set<number>();
  for (const { typeId, bitOffset, bitSize } of btf.members(structId)) {
    if (bitSize !== 0 || bitOffset % 8 !== 0) continue;
    const off = bitOffset / 8;
    // Of members of unions the first one counts.
    if (covered.has(off)) continue;
    covered.add(off);
    let id = btf.skipModifiers(typeId);
    while (btf.kind(id) === BTF_KIND_ARRAY) id = btf.skipModifiers(btf.extraWord(id, 0));
    const kind = btf.kind(id);
    if (kind === BTF_KIND_PTR) {
      const to = btf.skipModifiers(btf.sizeOrType(id));
      const isStruct = to !== 0 && btf.kind(to) === BTF_KIND_STRUCT;
      fields.push({ off, bytes: 8, to: isStruct ? { is: 'struct', btfId: to } : NUM });
    } else if (kind === BTF_KIND_INT || kind === BTF_KIND_ENUM) {
      const bytes = btf.sizeOrType(id);
      if (SIZE_OF[bytes] !== undefined) fields.push({ off, bytes, to: NUM });
    }
  }
  known.set(structId, fields);
  return fields;
}

/** Gets a pointer to a structure from the context, where the program has one. */
export function objectPointer(w: Writer): void {
  const { flavour, random } = w;
  const reg = w.target();
  if (flavour.flowKeys !== undefined) {
    w.put(ldxMem(BPF_DW, reg, 6, flavour.flowKeys));
    w.set(reg, { is: 'flowKeys' });
  } else if (flavour.tpBuffer === true) {
    w.put(ldxMem(BPF_DW, reg, 6, 0));
    w.set(reg, { is: 'tpBuffer' });
  } else if (flavour.pointers !== undefined) {
    const index = random.below(flavour.pointers.length);
    const name = flavour.pointers[index];
    const btfId = name === undefined ? undefined : w.btf.findByName(name, BTF_KIND_STRUCT);
    if (btfId === undefined) return;
    w.put(ldxMem(BPF_DW, reg, 6, 8 * index));
    w.set(reg, { is: 'struct', btfId });
  }
}

/** Reads, and where that is allowed writes, through such a pointer. */
export function objectAccess(w: Writer): void {
  const { random } = w;
  const known = [...w.having('flowKeys'), ...w.having('tpBuffer'), ...w.having('struct')];
  if (known.length === 0) return objectPointer(w);
  const reg = random.pick(known);
  const kind = w.kind(reg);
  if (kind.is === 'struct') return walk(w, reg, kind.btfId);
  const size = random.pick(SIZES);
  const room = kind.is === 'flowKeys' ? FLOW_KEYS_BYTES : TP_BYTES;
  const off = random.chance(0.3) ? room - BYTES[size] : random.below(room - BYTES[size] + 1);
  const action = random.below(3);
  if (action === 0) w.put(stxMem(size, reg, w.number(reg), off));
  else if (action === 1) w.put(stMem(size, reg, off, w.imm()));
  else {
    const into = w.target(reg);
    w.put(ldxMem(size, into, reg, off));
    w.set(into, NUM);
  }
}

function walk(w: Writer, reg: number, btfId: number): void {
  const { random } = w;
  const fields = fieldsOf(w.btf, btfId);
  if (fields.length === 0) return;
  const pointers = fields.filter(({ to }) => to.is === 'struct');
  const { off, bytes, to } = random.pick(pointers.length > 0 && random.chance(0.5) ? pointers : fields);
  const into = w.target();
  w.put(ldxMem(SIZE_OF[bytes], into, reg, off));
  w.set(into, to);
}

/** The packet that a tracepoint is about, handed to a helper. */
export function packetOutput(w: Writer): void {
  const { random, maps } = w;
  w.fillScratch(4);
  w.put(ldxMem(BPF_DW, 1, 6, 0), ldMapFd(2, maps.perf.fd), mov64Imm(3, random.below(2)), mov64Reg(4, 10));
  w.put(alu64Imm(BPF_ADD, 4, SCRATCH_OFF), mov64Imm(5, random.between(0, 32)), callHelper(111));
  w.called(NUM);
}

/** A number read from text. */
export function stringToNumber(w: Writer): void {
  const { random } = w;
  w.put(stMem(BPF_DW, 10, SCRATCH_OFF, 0x3231), stMem(BPF_DW, 10, SCRATCH_OFF + 8, random.below(3)));
  if (random.chance(0.6)) w.put(stMem(BPF_DW, 10, SCRATCH_OFF + 16, 7));
  w.put(mov64Reg(1, 10), alu64Imm(BPF_ADD, 1, SCRATCH_OFF), mov64Imm(2, random.between(1, 8)), mov64Imm(3, 10));
  w.put(mov64Reg(4, 10), alu64Imm(BPF_ADD, 4, SCRATCH_OFF + 16), stMem(BPF_DW, 10, SCRATCH_OFF + 16, 1));
  w.put(callHelper(random.pick([105, 106])));
  w.called(NUM);
  if (!w.frozen) {
    const into = random.pick([7, 8]);
    w.put(ldxMem(BPF_DW, into, 10, SCRATCH_OFF + 16));
    w.set(into, NUM);
  }
}

/** A socket of AF_XDP, looked up in its map. */
export function xdpSocket(w: Writer): void {
  const { random, maps } = w;
  const done = w.label();
  w.put(stMem(BPF_W, 10, SCRATCH_OFF, random.below(2)), mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, SCRATCH_OFF));
  w.put(ldMapFd(1, maps.xsk.fd), callHelper(1), jmpImm(BPF_JEQ, 0, 0, done), ldxMem(BPF_W, 1, 0, 0), done);
  w.called(NONE);
}
