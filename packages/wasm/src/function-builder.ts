// SPDX-License-Identifier: MIT
import { ByteBuffer, u32Len } from './byte-buffer.ts';
import { WasmEncodeError } from './errors.ts';
import type { AtomicOp, MemOp } from './memory-opcodes.ts';
import type { PlainOp } from './opcodes.ts';
import type { FuncRef, RefType, ValType } from './types.ts';

/** An open block, loop or if, as a branch target: the number of constructs around it. */
export type Label = number & { readonly __label: true };

/** The label of the function's own body: a branch there returns. */
export const BODY = 0 as Label;

const VOID_BLOCK = 0x40;
const END = 0x0b;
const PREFIX_MISC = 0xfc;
const PREFIX_ATOMIC = 0xfe;

/**
 * One function, written instruction by instruction. Locals may be added at any time; functions may be called before the
 * module knows their index. Branches name labels, not depths. Nothing is type-checked here: the engine's validator
 * does that, and the encoder only insists that what is opened is closed.
 */
export class FunctionBuilder implements FuncRef {
  readonly name: string | undefined;
  readonly typeIdx: number;
  idx = -1;
  /** Names of parameters and locals, by index, for the name section. */
  readonly localNames = new Map<number, string>();

  readonly #code = new ByteBuffer(256);
  readonly #paramCount: number;
  readonly #locals: ValType[] = [];
  readonly #idle = new Map<ValType, number[]>();
  /** Where a function's index belongs in the code, ascending. */
  readonly #callOffs: number[] = [];
  readonly #callees: FuncRef[] = [];
  #depth = 0;

  constructor(name: string | undefined, typeIdx: number, paramCount: number) {
    this.name = name;
    this.typeIdx = typeIdx;
    this.#paramCount = paramCount;
  }

  /** Bytes of code so far, without the indices of callees: for limits such as V8's {@link MAX_FUNCTION_BYTES}. */
  get codeBytes(): number {
    return this.#code.length;
  }

  /** Constructs open now. */
  get depth(): number {
    return this.#depth;
  }

  /** Adds a local and answers its index; it is zero when the function starts. Parameters come first, from 0. */
  local(type: ValType, name?: string): number {
    const idx = this.#paramCount + this.#locals.length;
    this.#locals.push(type);
    if (name !== undefined) this.localNames.set(idx, name);
    return idx;
  }

  /** A local for a moment: one that was given back, or a new one. It may hold anything. */
  borrowLocal(type: ValType): number {
    return this.#idle.get(type)?.pop() ?? this.local(type);
  }

  /** Gives a borrowed local back. */
  giveBackLocal(type: ValType, idx: number): void {
    const idle = this.#idle.get(type);
    if (idle === undefined) this.#idle.set(type, [idx]);
    else idle.push(idx);
  }

  /** An instruction without immediates. */
  op(opcode: PlainOp): void {
    this.#code.u8(opcode);
  }

  i32Const(value: number): void {
    this.#code.u8(0x41);
    this.#code.s32(value);
  }

  i64Const(value: bigint): void {
    this.#code.u8(0x42);
    this.#code.s64(value);
  }

  /** A 64-bit constant from its two words, without a bigint. */
  i64ConstWords(lo: number, hi: number): void {
    this.#code.u8(0x42);
    this.#code.s64Words(lo, hi);
  }

  /** A 64-bit constant that sign-extends a 32-bit one. */
  i64ConstS32(value: number): void {
    this.#code.u8(0x42);
    this.#code.s32(value);
  }

  f64Const(value: number): void {
    this.#code.u8(0x44);
    this.#code.f64(value);
  }

  localGet(idx: number): void {
    this.#withIdx(0x20, idx);
  }

  localSet(idx: number): void {
    this.#withIdx(0x21, idx);
  }

  localTee(idx: number): void {
    this.#withIdx(0x22, idx);
  }

  globalGet(idx: number): void {
    this.#withIdx(0x23, idx);
  }

  globalSet(idx: number): void {
    this.#withIdx(0x24, idx);
  }

  /** A load or store at the address on the stack plus `offset`, which is unsigned. `align` is log2, a hint. */
  memory(opcode: MemOp, offset = 0, align: number = opcode >>> 8): void {
    this.#code.u8(opcode & 0xff);
    this.#code.u32(align);
    this.#code.u32(offset);
  }

  atomic(opcode: AtomicOp, offset = 0): void {
    this.#code.u8(PREFIX_ATOMIC);
    this.#code.u32(opcode & 0xff);
    this.#code.u32(opcode >>> 8);
    this.#code.u32(offset);
  }

  atomicFence(): void {
    this.#code.u8(PREFIX_ATOMIC);
    this.#code.u8(3);
    this.#code.u8(0);
  }

  memorySize(): void {
    this.#withIdx(0x3f, 0);
  }

  memoryGrow(): void {
    this.#withIdx(0x40, 0);
  }

  /** Takes destination, source and length. */
  memoryCopy(): void {
    this.#misc(10, 0, 0);
  }

  /** Takes destination, byte and length. */
  memoryFill(): void {
    this.#misc(11, 0);
  }

  /** Takes destination, offset in the passive data segment, and length. */
  memoryInit(dataIdx: number): void {
    this.#misc(8, dataIdx, 0);
  }

  dataDrop(dataIdx: number): void {
    this.#misc(9, dataIdx);
  }

  tableGet(tableIdx = 0): void {
    this.#withIdx(0x25, tableIdx);
  }

  tableSet(tableIdx = 0): void {
    this.#withIdx(0x26, tableIdx);
  }

  tableGrow(tableIdx = 0): void {
    this.#misc(15, tableIdx);
  }

  tableSize(tableIdx = 0): void {
    this.#misc(16, tableIdx);
  }

  tableFill(tableIdx = 0): void {
    this.#misc(17, tableIdx);
  }

  refNull(type: RefType): void {
    this.#withIdx(0xd0, type);
  }

  /** The function must be exported or in an element segment (a declarative one will do). */
  refFunc(func: FuncRef): void {
    this.#withFunc(0xd2, func);
  }

  /** Opens a block; a branch to its label goes behind its end. */
  block(result?: ValType): Label {
    return this.#open(0x02, result ?? VOID_BLOCK);
  }

  /** Opens a loop; a branch to its label goes to its start. */
  loop(result?: ValType): Label {
    return this.#open(0x03, result ?? VOID_BLOCK);
  }

  /** Opens what runs if the i32 on the stack is not zero. */
  if(result?: ValType): Label {
    return this.#open(0x04, result ?? VOID_BLOCK);
  }

  /** Like {@link block}, with the parameters and results of a function type. */
  blockOf(typeIdx: number): Label {
    return this.#openTyped(0x02, typeIdx);
  }

  loopOf(typeIdx: number): Label {
    return this.#openTyped(0x03, typeIdx);
  }

  ifOf(typeIdx: number): Label {
    return this.#openTyped(0x04, typeIdx);
  }

  else(): void {
    this.#code.u8(0x05);
  }

  /** Closes the innermost construct. */
  end(): void {
    if (this.#depth === 0) throw this.#error('end without an open block');
    this.#depth--;
    this.#code.u8(END);
  }

  br(label: Label): void {
    this.#withIdx(0x0c, this.#depthOf(label));
  }

  brIf(label: Label): void {
    this.#withIdx(0x0d, this.#depthOf(label));
  }

  brTable(targets: readonly Label[], otherwise: Label): void {
    this.#withIdx(0x0e, targets.length);
    for (const target of targets) this.#code.u32(this.#depthOf(target));
    this.#code.u32(this.#depthOf(otherwise));
  }

  return(): void {
    this.#code.u8(0x0f);
  }

  call(func: FuncRef): void {
    this.#withFunc(0x10, func);
  }

  callIndirect(typeIdx: number, tableIdx = 0): void {
    this.#withIdx(0x11, typeIdx);
    this.#code.u32(tableIdx);
  }

  /** A tail call: this function's frame is gone before the callee starts. */
  returnCall(func: FuncRef): void {
    this.#withFunc(0x12, func);
  }

  returnCallIndirect(typeIdx: number, tableIdx = 0): void {
    this.#withIdx(0x13, typeIdx);
    this.#code.u32(tableIdx);
  }

  /** Writes the entry of the code section. All callees must have their indices. */
  encodeBody(out: ByteBuffer): void {
    if (this.#depth !== 0) throw this.#error(`${this.#depth} blocks are not closed`);
    const locals = encodeLocals(this.#locals);
    let lenBytes = locals.length + this.#code.length + 1;
    for (const callee of this.#callees) {
      if (callee.idx < 0) throw this.#error(`calls ${callee.name ?? 'a function'}, which is not in the module`);
      lenBytes += u32Len(callee.idx);
    }
    out.u32(lenBytes);
    out.raw(locals.view());
    let from = 0;
    this.#callOffs.forEach((off, i) => {
      out.raw(this.#code.view(from, off));
      out.u32(this.#callees[i].idx);
      from = off;
    });
    out.raw(this.#code.view(from));
    out.u8(END);
  }

  #withIdx(opcode: number, idx: number): void {
    this.#code.u8(opcode);
    this.#code.u32(idx);
  }

  #withFunc(opcode: number, func: FuncRef): void {
    this.#code.u8(opcode);
    this.#callOffs.push(this.#code.length);
    this.#callees.push(func);
  }

  #misc(code: number, ...immediates: number[]): void {
    this.#code.u8(PREFIX_MISC);
    this.#code.u32(code);
    for (const immediate of immediates) this.#code.u32(immediate);
  }

  #open(opcode: number, type: number): Label {
    this.#code.u8(opcode);
    this.#code.u8(type);
    return ++this.#depth as Label;
  }

  #openTyped(opcode: number, typeIdx: number): Label {
    this.#code.u8(opcode);
    this.#code.s32(typeIdx);
    return ++this.#depth as Label;
  }

  #depthOf(label: Label): number {
    if (label > this.#depth)
      throw this.#error(`branch to a block that is closed (label ${label}, ${this.#depth} open)`);
    return this.#depth - label;
  }

  #error(message: string): WasmEncodeError {
    return new WasmEncodeError(`function ${this.name ?? this.idx}: ${message}`);
  }
}

/** Runs of equal types, as the format has them. */
function encodeLocals(types: readonly ValType[]): ByteBuffer {
  const runs: { type: ValType; count: number }[] = [];
  for (const type of types) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  const out = new ByteBuffer(16);
  out.u32(runs.length);
  for (const { type, count } of runs) {
    out.u32(count);
    out.u8(type);
  }
  return out;
}
