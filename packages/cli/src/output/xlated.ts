// SPDX-License-Identifier: MIT
// Loaded programs as `bpftool prog dump xlated` prints them.
import {
  BPF_OBJ_GET_INFO_BY_FD,
  type Btf,
  decodeInsns,
  formatXlated,
  formatXlatedJson,
  type BpfProgram,
  type Insn,
  type ProgInfo,
  type Sys,
} from 'tsbpf';
import { prototypeOf } from './prototype.ts';

interface Line {
  readonly text: string;
  readonly file: string;
  readonly line: number;
  readonly col: number;
}

/** A loaded program with what its BTF says of it. */
export interface Dump {
  readonly insns: readonly Insn[];
  /** Prototypes by the instruction a function starts at. */
  readonly protos: ReadonlyMap<number, string>;
  readonly names: ReadonlyMap<number, string>;
  readonly lines: ReadonlyMap<number, Line>;
  readonly tag: string;
}

const LINE_SIZE = 16;
const FUNC_SIZE = 8;
const COLUMN_BITS = 10;

/** Asks the system about a program: sizes first, then the arrays. */
export function readDump(prog: BpfProgram, btf: Btf | undefined): Dump {
  const info = programInfo(prog.sys, prog.fd);
  const funcs = new DataView(info.func_info?.buffer ?? new ArrayBuffer(0));
  const records = new DataView(info.line_info?.buffer ?? new ArrayBuffer(0));
  const protos = new Map<number, string>();
  const names = new Map<number, string>();
  const lines = new Map<number, Line>();
  if (btf !== undefined) {
    for (let at = 0; at + FUNC_SIZE <= funcs.byteLength; at += FUNC_SIZE) {
      const id = funcs.getUint32(at + 4, true);
      names.set(funcs.getUint32(at, true), btf.name(id));
      protos.set(funcs.getUint32(at, true), prototypeOf(btf, id));
    }
    for (let at = 0; at + LINE_SIZE <= records.byteLength; at += LINE_SIZE) {
      const lineCol = records.getUint32(at + 12, true);
      lines.set(records.getUint32(at, true), {
        file: btf.strAt(records.getUint32(at + 4, true)),
        text: btf.strAt(records.getUint32(at + 8, true)).trimStart(),
        line: lineCol >>> COLUMN_BITS,
        col: lineCol & ((1 << COLUMN_BITS) - 1),
      });
    }
  }
  return {
    insns: decodeInsns(info.xlated_prog_insns ?? new Uint8Array()),
    protos,
    names,
    lines,
    tag: Array.from(info.tag ?? [], (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
}

function programInfo(sys: Sys, fd: number): ProgInfo {
  const sizes: ProgInfo = {};
  sys.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info: sizes });
  const info: ProgInfo = {
    xlated_prog_insns: new Uint8Array(sizes.xlated_prog_len ?? 0),
    xlated_prog_len: sizes.xlated_prog_len,
    func_info: new Uint8Array((sizes.nr_func_info ?? 0) * FUNC_SIZE),
    nr_func_info: sizes.nr_func_info,
    func_info_rec_size: FUNC_SIZE,
    line_info: new Uint8Array((sizes.nr_line_info ?? 0) * LINE_SIZE),
    nr_line_info: sizes.nr_line_info,
    line_info_rec_size: LINE_SIZE,
  };
  sys.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info });
  return info;
}

const subprogName =
  (dump: Dump) =>
  (insn: Insn, idx: number): string | undefined => {
    const name = dump.names.get(idx + insn.off + 1);
    return name === undefined ? undefined : `bpf_prog_${dump.tag}_${name}`;
  };

/** Plain text, ending in a newline. */
export function xlatedText(dump: Dump, options: { opcodes: boolean; linum: boolean }): string {
  return formatXlated(dump.insns, {
    opcodes: options.opcodes,
    subprogName: subprogName(dump),
    before(idx) {
      const out: string[] = [];
      const proto = dump.protos.get(idx);
      if (proto !== undefined) out.push(`${proto}:`);
      const line = dump.lines.get(idx);
      if (line !== undefined && line.text !== '') {
        const where = options.linum ? ` [file:${line.file} line_num:${line.line} line_col:${line.col}]` : '';
        out.push(`; ${line.text}${where}`);
      }
      return out;
    },
  });
}

/** The same for `-j`: a list. */
export function xlatedJson(dump: Dump, options: { opcodes: boolean; linum: boolean }): unknown[] {
  const list = formatXlatedJson(dump.insns, { opcodes: options.opcodes, subprogName: subprogName(dump) });
  let idx = 0;
  return list.map((entry) => {
    const at = idx;
    idx += dump.insns[at]?.code === 0x18 ? 2 : 1;
    const proto = dump.protos.get(at);
    const line = dump.lines.get(at);
    return {
      ...(proto === undefined ? {} : { proto }),
      ...(line === undefined ? {} : { src: line.text }),
      ...(line === undefined || !options.linum
        ? {}
        : { file: line.file, ...(line.line === 0 ? {} : { line_num: line.line, line_col: line.col }) }),
      ...entry,
    };
  });
}
