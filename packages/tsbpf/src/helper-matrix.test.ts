// SPDX-License-Identifier: MIT
// Every helper of Linux v5.6 in every program type, by BPF_PROG_LOAD: what may be called loads, anything else is refused
// in Linux's words. The expectations come from the reference, not from the tables that the program types use.
import { describe, expect, it } from 'vitest';
import { BTF_KIND_FUNC, BTF_KIND_STRUCT, BTF_KIND_TYPEDEF, createBtfBuilder } from '@tsbpf/btf';
import {
  alu64Imm,
  callHelper,
  exit,
  jmpImm,
  ldMapFd,
  mov64Imm,
  mov64Reg,
  program,
  stMem,
  type ProgramItem,
} from '@tsbpf/insn';
import { HELPER_MATRIX, type MatrixCell, type MatrixRow } from '../test/generated/helper-matrix.ts';
import {
  BPF_ADD,
  BPF_BTF_LOAD,
  BPF_CGROUP_INET4_BIND,
  BPF_CGROUP_INET4_CONNECT,
  BPF_CGROUP_INET6_CONNECT,
  BPF_CGROUP_SETSOCKOPT,
  BPF_CGROUP_UDP4_SENDMSG,
  BPF_DW,
  BPF_JEQ,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_NAMES,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_NAMES,
  BPF_TRACE_RAW_TP,
  Btf,
  EINVAL,
  EPERM,
  createKernel,
  encodeInsns,
  type MapCreateAttr,
  type SimulatedKernel,
} from './index.ts';

const TYPES = Object.entries(BPF_PROG_TYPE_NAMES)
  .map(([type, name]) => ({ type: Number(type), name: name.replace('BPF_PROG_TYPE_', '') }))
  .filter(({ type }) => type >= 1 && type <= 28);
const SK_RELEASE = 86;
/** Argument classes that take more than a few instructions to make: such calls are only followed past the table. */
const HARD = /SPIN_LOCK|SOCK_COMMON|PTR_TO_SOCKET|BTF_ID/;
const NOT_OFFERED = /unknown func|invalid func|GPL-restricted/;

interface Loaded {
  readonly ret: number;
  readonly log: string;
}

/** A kernel, and what programs of every type need to be loaded. */
class Matrix {
  readonly kernel: SimulatedKernel;
  readonly #maps = new Map<string, number>();
  #btf: { fd: number; func: number; target: number } | undefined;

  constructor(options: { uid: number } = { uid: 0 }) {
    this.kernel = createKernel({ task: { uid: options.uid } });
  }

  /** A map of a type by name. */
  #map(type: string): number {
    const made = this.#maps.get(type);
    if (made !== undefined) return made;
    const number = Number(Object.entries(BPF_MAP_TYPE_NAMES).find(([, name]) => name === `BPF_MAP_TYPE_${type}`)?.[0]);
    const plain: MapCreateAttr = { map_type: number, key_size: 4, value_size: 4, max_entries: 4 };
    const special: Record<string, Partial<MapCreateAttr>> = {
      HASH: { value_size: 8 },
      STACK_TRACE: { value_size: 80 },
      QUEUE: { key_size: 0 },
      CGROUP_STORAGE: { key_size: 16, max_entries: 0 },
      SK_STORAGE: { max_entries: 0, map_flags: 1, ...this.#keyTypes() },
    };
    const fd = this.kernel.bpf(BPF_MAP_CREATE, { ...plain, ...special[type] });
    expect(fd, `a map of type ${type}`).toBeGreaterThan(0);
    this.#maps.set(type, fd);
    return fd;
  }

  #keyTypes(): Partial<MapCreateAttr> {
    const btf = createBtfBuilder();
    const int = btf.int('int', 4, { encoding: 1 });
    const btf_fd = this.kernel.bpf(BPF_BTF_LOAD, { btf: btf.bytes() });
    return { btf_fd, btf_key_type_id: int, btf_value_type_id: int };
  }

  /** An XDP program whose function an extension may replace. */
  #extension(): { fd: number; func: number; target: number } {
    if (this.#btf !== undefined) return this.#btf;
    const b = createBtfBuilder();
    const int = b.int('int', 4, { encoding: 1 });
    const ctx = b.ptr(b.struct('xdp_md', 4, [{ name: 'data', typeId: int, bitOffset: 0 }]));
    const func = b.func('f', b.funcProto(int, [{ name: 'ctx', typeId: ctx }]), { linkage: 1 });
    expect(new Btf(b.bytes()).type(func).kind).toBe(BTF_KIND_FUNC);
    const fd = this.kernel.bpf(BPF_BTF_LOAD, { btf: b.bytes() });
    const attr = this.#attr(6, [mov64Imm(0, 1), exit()]);
    const target = this.kernel.bpf(BPF_PROG_LOAD, { ...attr, ...this.#funcInfo(fd, func) });
    expect(target, new TextDecoder().decode(attr.log_buf)).toBeGreaterThan(0);
    return (this.#btf = { fd, func, target });
  }

  #funcInfo(fd: number, func: number) {
    const func_info = new Uint8Array(new Uint32Array([0, func]).buffer);
    return { prog_btf_fd: fd, func_info_rec_size: 8, func_info };
  }

  #attr(type: number, items: ProgramItem[], license = 'GPL') {
    return {
      prog_type: type,
      insns: encodeInsns(program(...items)),
      license,
      log_level: 1,
      log_buf: new Uint8Array(1 << 16),
    };
  }

  /** What BPF_PROG_LOAD needs besides the instructions. */
  #target(name: string) {
    const vmlinux = new Btf(this.kernel.readFile('/sys/kernel/btf/vmlinux') as Uint8Array);
    const typeId = (kind: number, wanted: (name: string) => boolean): number => {
      for (let id = 1; vmlinux.has(id); id++) {
        if (vmlinux.type(id).kind === kind && wanted(vmlinux.name(id))) return id;
      }
      throw new RangeError(`${name} has nothing to attach to`);
    };
    switch (name) {
      case 'CGROUP_SOCK_ADDR':
        return { expected_attach_type: BPF_CGROUP_INET4_BIND };
      case 'CGROUP_SOCKOPT':
        return { expected_attach_type: BPF_CGROUP_SETSOCKOPT };
      case 'TRACING':
        return {
          expected_attach_type: BPF_TRACE_RAW_TP,
          attach_btf_id: typeId(BTF_KIND_TYPEDEF, (text) => text.startsWith('btf_trace_')),
        };
      case 'STRUCT_OPS': {
        const id = typeId(BTF_KIND_STRUCT, (text) => text === 'tcp_congestion_ops');
        const at = vmlinux.members(id).findIndex((member) => member.name === 'ssthresh');
        return { attach_btf_id: id, expected_attach_type: at };
      }
      case 'EXT': {
        const { fd, func, target } = this.#extension();
        return { attach_prog_fd: target, attach_btf_id: func, ...this.#funcInfo(fd, func) };
      }
      default:
        return {};
    }
  }

  /** Instructions that call a helper as its prototype wants it. */
  #call(row: MatrixRow, args: string): ProgramItem[] {
    const items: ProgramItem[] = [mov64Reg(6, 1)];
    for (let at = -64; at < 0; at += 8) items.push(stMem(BPF_DW, 10, at, 0));
    const stack = (register: number): ProgramItem[] => [mov64Reg(register, 10), alu64Imm(BPF_ADD, register, -64)];
    const classes = args === '' ? [] : args.split(' ');
    for (const [i, arg] of classes.entries()) {
      const register = i + 1;
      if (arg === 'ARG_PTR_TO_CTX') items.push(mov64Reg(register, 6));
      else if (arg === 'ARG_CONST_MAP_PTR') items.push(...ldMapFd(register, this.#map(this.#mapTypeOf(row))));
      else if (arg.startsWith('ARG_CONST_SIZE')) items.push(mov64Imm(register, 8));
      else if (arg === 'ARG_ANYTHING' || HARD.test(arg)) items.push(mov64Imm(register, 0));
      else items.push(...stack(register));
    }
    items.push(callHelper(row.id));
    if (row.acquiresRef) items.push(jmpImm(BPF_JEQ, 0, 0, 'none'), mov64Reg(1, 0), callHelper(SK_RELEASE), 'none');
    return [...items, mov64Imm(0, 1), exit()];
  }

  #mapTypeOf(row: MatrixRow): string {
    if (/^map_(push|pop|peek)_elem$/.test(row.name)) return 'QUEUE';
    return row.mapTypes[0] ?? 'HASH';
  }

  load(name: string, row: MatrixRow, options: { license?: string; more?: object } = {}): Loaded {
    const type = TYPES.find((one) => one.name === name)?.type ?? 0;
    const args = row.cells.find((cell) => cell.type === (name === 'EXT' ? 'XDP' : name))?.args ?? '';
    const attr = {
      ...this.#attr(type, this.#call(row, args), options.license),
      ...this.#target(name),
      ...options.more,
    };
    const ret = this.kernel.bpf(BPF_PROG_LOAD, attr);
    if (ret > 0) this.kernel.close(ret);
    const end = attr.log_buf.indexOf(0);
    return { ret, log: new TextDecoder().decode(attr.log_buf.subarray(0, end < 0 ? undefined : end)) };
  }
}

/** The cell of a helper for a program type; an extension has the table of the program it extends. */
const cellOf = (row: MatrixRow, name: string): MatrixCell | undefined =>
  row.cells.find(({ type }) => type === (name === 'EXT' ? 'XDP' : name));

function expectRefused({ ret, log }: Loaded, message: string): void {
  expect({ ret, message: log.split('\n').find((line) => NOT_OFFERED.test(line)) }).toEqual({ ret: -EINVAL, message });
}
const unknown = (row: MatrixRow): string => `unknown func bpf_${row.name}#${row.id}`;

describe('the matrix', () => {
  it('is that of 28 program types and 118 helpers', () => {
    expect(TYPES).toHaveLength(28);
    expect(HELPER_MATRIX.map(({ id }) => id)).toEqual(Array.from({ length: 119 }, (_, id) => id));
  });

  it.each(TYPES)('$name, privileged', ({ name }) => {
    const matrix = new Matrix();
    for (const row of HELPER_MATRIX) {
      const cell = cellOf(row, name);
      const loaded = matrix.load(name, row);
      if (cell === undefined || cell.attach !== undefined) expectRefused(loaded, unknown(row));
      else if (HARD.test(cell.args)) {
        expect(loaded.log, row.name).not.toMatch(NOT_OFFERED);
        expect(loaded.log, row.name).toMatch(/R\d (type=\w+ expected=|is not a pointer to)/);
      } else
        expect(loaded, `${row.name} in ${name}`).toEqual({
          ret: expect.toSatisfy((fd) => fd > 0),
          log: expect.any(String),
        });
      if (cell?.gplOnly !== true) continue;
      const message = 'cannot call GPL-restricted function from non-GPL compatible program';
      expectRefused(matrix.load(name, row, { license: 'Proprietary' }), message);
    }
  });

  it.each(TYPES)('$name, unprivileged', ({ name }) => {
    const matrix = new Matrix({ uid: 1000 });
    const open = name === 'SOCKET_FILTER' || name === 'CGROUP_SKB';
    for (const row of HELPER_MATRIX.filter(({ id }) => open || id < 10)) {
      const cell = cellOf(row, name);
      if (!open) {
        // Extensions and the like want a target, which an unprivileged user cannot make: privilege comes first.
        const type = TYPES.find((one) => one.name === name)?.type ?? 0;
        const insns = encodeInsns(program(callHelper(row.id), exit()));
        expect(matrix.kernel.bpf(BPF_PROG_LOAD, { prog_type: type, insns, license: 'GPL' })).toBe(-EPERM);
      } else if (cell === undefined || cell.sysAdmin === true) {
        const type = TYPES.find((one) => one.name === name)?.type ?? 0;
        const log_buf = new Uint8Array(4096);
        const insns = encodeInsns(program(callHelper(row.id), exit()));
        const ret = matrix.kernel.bpf(BPF_PROG_LOAD, { prog_type: type, insns, license: 'GPL', log_level: 1, log_buf });
        expectRefused({ ret, log: new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0))) }, unknown(row));
      } else if (row.mapTypes.length === 0 || row.mapTypes[0] === 'PROG_ARRAY') {
        expect(matrix.load(name, row).log, row.name).not.toMatch(NOT_OFFERED);
      }
    }
  });

  it('offers bind where a program connects', () => {
    const matrix = new Matrix();
    for (const row of HELPER_MATRIX) {
      const cell = row.cells.find(({ attach }) => attach !== undefined);
      if (cell === undefined) continue;
      expect([row.name, cell.type, cell.attach]).toEqual([
        'bind',
        'CGROUP_SOCK_ADDR',
        ['INET4_CONNECT', 'INET6_CONNECT'],
      ]);
      const at = (expected_attach_type: number): Loaded =>
        matrix.load(cell.type, row, { more: { expected_attach_type } });
      expect(at(BPF_CGROUP_INET4_CONNECT).ret).toBeGreaterThan(0);
      expect(at(BPF_CGROUP_INET6_CONNECT).ret).toBeGreaterThan(0);
      expectRefused(at(BPF_CGROUP_UDP4_SENDMSG), unknown(row));
    }
  });

  it.each([-1, 119, 120, 0x7fffffff])('knows no helper %i', (id) => {
    const matrix = new Matrix();
    const row: MatrixRow = { id, name: '', acquiresRef: false, mapTypes: [], cells: [] };
    expectRefused(matrix.load('XDP', row), `invalid func unknown#${id}`);
  });
});
