// SPDX-License-Identifier: MIT
// What programs do to a map: the same XDP programs, loaded and test-run on both kernels, with key, flags and value in the
// packet.
import {
  alu64Imm,
  callHelper,
  encodeInsns,
  exit,
  jmpImm,
  jmpReg,
  ldMapFd,
  ldxMem,
  mov64Imm,
  mov64Reg,
  program,
  stMem,
  type ProgramItem,
} from '@tsbpf/insn';
import {
  BPF_ADD,
  BPF_B,
  BPF_DW,
  BPF_JEQ,
  BPF_JGT,
  BPF_JNE,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_XDP,
  BPF_W,
  InternalError,
  errnoName,
  type Sys,
} from '@tsbpf/uapi';

export type ProgOp = 'lookup' | 'update' | 'delete' | 'push' | 'pop' | 'peek';
const HELPER: Readonly<Record<ProgOp, number>> = { lookup: 1, update: 2, delete: 3, push: 87, pop: 88, peek: 89 };

/** Where the packet has what. */
const [KEY, FLAGS, VALUE, LENGTH] = [16, 80, 96, 224];
export const ABSENT = 1000;

/** `readAt`: the byte of a value that a lookup answers. */
function source(op: ProgOp, fd: number, readAt: number): ProgramItem[] {
  const packet = (register: number, off: number): ProgramItem[] => [
    mov64Reg(register, 6),
    alu64Imm(BPF_ADD, register, off),
  ];
  const stack: ProgramItem[] = [mov64Reg(2, 10), alu64Imm(BPF_ADD, 2, -8)];
  const args: Readonly<Record<ProgOp, readonly ProgramItem[]>> = {
    lookup: packet(2, KEY),
    delete: packet(2, KEY),
    update: [...packet(2, KEY), ...packet(3, VALUE), ldxMem(BPF_DW, 4, 6, FLAGS)],
    push: [...packet(2, VALUE), ldxMem(BPF_DW, 3, 6, FLAGS)],
    pop: stack,
    peek: stack,
  };
  const taken: ProgramItem[] = [jmpImm(BPF_JNE, 0, 0, 'error'), ldxMem(BPF_B, 0, 10, -8), 'error', exit()];
  const results: Readonly<Record<ProgOp, readonly ProgramItem[]>> = {
    lookup: [jmpImm(BPF_JEQ, 0, 0, 'none'), ldxMem(BPF_B, 0, 0, readAt), exit()],
    delete: [exit()],
    update: [exit()],
    push: [exit()],
    pop: taken,
    peek: taken,
  };
  return [
    ldxMem(BPF_W, 6, 1, 0),
    ldxMem(BPF_W, 7, 1, 4),
    mov64Reg(2, 6),
    alu64Imm(BPF_ADD, 2, LENGTH),
    jmpReg(BPF_JGT, 2, 7, 'none'),
    stMem(BPF_DW, 10, -8, 0),
    ...args[op],
    ...ldMapFd(1, fd),
    callHelper(HELPER[op]),
    ...results[op],
    'none',
    mov64Imm(0, ABSENT),
    exit(),
  ];
}

/** Programs of one system on one map, loaded when first needed. */
export class ProgramSide {
  readonly #sys: Sys;
  readonly #mapFd: number;
  readonly #readAt: number;
  readonly #fds = new Map<ProgOp, number>();
  readonly #data = new Uint8Array(LENGTH);

  constructor(sys: Sys, mapFd: number, readAt: number) {
    this.#sys = sys;
    this.#readAt = readAt;
    this.#mapFd = mapFd;
  }

  /** R0, signed; a lookup answers a byte of the value, or {@link ABSENT}. */
  run(op: ProgOp, key: Uint8Array, flags: number, value: Uint8Array): number {
    const data = this.#data.fill(0);
    data.set(key, KEY);
    new DataView(data.buffer).setBigUint64(FLAGS, BigInt(flags), true);
    data.set(value.subarray(0, LENGTH - VALUE), VALUE);
    const attr = { prog_fd: this.#prog(op), data_in: data, retval: 0 };
    const err = this.#sys.bpf(BPF_PROG_TEST_RUN, attr);
    if (err < 0) throw new InternalError(`BPF_PROG_TEST_RUN: ${errnoName(-err)}`);
    return attr.retval | 0;
  }

  #prog(op: ProgOp): number {
    const made = this.#fds.get(op);
    if (made !== undefined) return made;
    const log_buf = new Uint8Array(1 << 16);
    const insns = encodeInsns(program(...source(op, this.#mapFd, this.#readAt)));
    const attr = { prog_type: BPF_PROG_TYPE_XDP, insns, license: 'GPL', log_buf, log_level: 1 };
    const fd = this.#sys.bpf(BPF_PROG_LOAD, attr);
    if (fd < 0) {
      const log = new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0)));
      throw new InternalError(`a program for ${op}: ${errnoName(-fd)}\n${log}`);
    }
    this.#fds.set(op, fd);
    return fd;
  }

  close(): void {
    for (const fd of this.#fds.values()) this.#sys.close(fd);
  }
}
