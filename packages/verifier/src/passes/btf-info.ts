// SPDX-License-Identifier: MIT
import { BTF_FUNC_GLOBAL, BTF_FUNC_STATIC, BTF_KIND_FUNC, type Btf } from '@tsbpf/btf';
import { E2BIG, EBADF, EINVAL } from '@tsbpf/uapi';
import { refuse } from '../refuse.ts';
import { reject } from '../reject.ts';
import type { Verification } from '../verification.ts';

/** Bytes of the records as Linux v5.6 knows them, and the most it takes. */
const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
const MAX_RECORD_SIZE = 252;

/** Records as the system call got them: their number is that of whole records. */
interface Records {
  readonly recSize: number;
  readonly bytes: Uint8Array;
}

/**
 * Checks what the program says about its functions and source lines, and keeps it. Without such records there is
 * nothing to check, and the program's BTF is not even looked at.
 * @errno EINVAL; E2BIG a record longer than known, with something in the rest; EBADF no BTF
 * @see kernel/bpf/verifier.c, check_btf_info
 */
export function checkBtfInfo(v: Verification): void {
  const funcCount = countOf(v.prog.funcInfo);
  const lineCount = countOf(v.prog.lineInfo);
  if (funcCount === 0 && lineCount === 0) return;
  const { btf } = v.prog;
  if (btf === undefined) reject(-(v.prog.btfErrno ?? -EBADF));
  if (v.prog.funcInfo !== undefined && funcCount > 0) readFuncInfo(v, btf, v.prog.funcInfo, funcCount);
  if (v.prog.lineInfo !== undefined && lineCount > 0) readLineInfo(v, btf, v.prog.lineInfo, lineCount);
}

function countOf(records: Records | undefined): number {
  if (records === undefined || records.bytes.length === 0) return 0;
  return records.recSize === 0 ? 1 : Math.floor(records.bytes.length / records.recSize);
}

function badRecordSize(size: number, min: number): boolean {
  return size < min || size > MAX_RECORD_SIZE || size % 4 !== 0;
}

/** Whether a record of a newer, longer kind says something in the part that is not known. */
function tailSet(records: Records, index: number, known: number): boolean {
  const start = index * records.recSize;
  for (let at = start + known; at < start + records.recSize; at++) if (records.bytes[at] !== 0) return true;
  return false;
}

function wordsOf(records: Records): (index: number, word: number) => number {
  const view = new DataView(records.bytes.buffer, records.bytes.byteOffset, records.bytes.byteLength);
  return (index, word) => view.getUint32(index * records.recSize + word * 4, true);
}

function readFuncInfo(v: Verification, btf: Btf, records: Records, count: number): void {
  if (count !== v.subprogs.length) {
    refuse(v, EINVAL, "number of funcs in func_info doesn't match number of subprogs\n");
  }
  if (badRecordSize(records.recSize, FUNC_INFO_SIZE))
    refuse(v, EINVAL, `invalid func info rec size ${records.recSize}\n`);

  const word = wordsOf(records);
  let previous = 0;
  for (let i = 0; i < count; i++) {
    if (tailSet(records, i, FUNC_INFO_SIZE)) refuse(v, E2BIG, 'nonzero tailing record in func info');
    const insnOff = word(i, 0);
    const typeId = word(i, 1);
    if (i === 0 && insnOff !== 0) refuse(v, EINVAL, `nonzero insn_off ${insnOff} for the first func info record`);
    if (i > 0 && insnOff <= previous) {
      refuse(v, EINVAL, `same or smaller insn offset (${insnOff}) than previous func info record (${previous})`);
    }
    const subprog = v.subprogs[i];
    if (subprog.start !== insnOff) {
      refuse(v, EINVAL, "func_info BTF section doesn't match subprog layout in BPF program\n");
    }
    if (!btf.has(typeId) || btf.kind(typeId) !== BTF_KIND_FUNC)
      refuse(v, EINVAL, `invalid type id ${typeId | 0} in func info`);

    const linkage = btf.funcLinkage(typeId);
    subprog.typeId = typeId;
    subprog.name = btf.name(typeId);
    subprog.linkage = linkage === BTF_FUNC_STATIC ? 'static' : linkage === BTF_FUNC_GLOBAL ? 'global' : 'extern';
    v.funcInfo.push({ insnIdx: insnOff, typeId, rest: new Uint8Array(0) });
    previous = insnOff;
  }
}

function readLineInfo(v: Verification, btf: Btf, records: Records, count: number): void {
  if (badRecordSize(records.recSize, LINE_INFO_SIZE)) reject(EINVAL);

  const word = wordsOf(records);
  const { subprogs } = v;
  let previous = 0;
  let nextSubprog = 0;
  for (let i = 0; i < count; i++) {
    if (tailSet(records, i, LINE_INFO_SIZE)) refuse(v, E2BIG, 'nonzero tailing record in line_info');
    const insnIdx = word(i, 0);
    const fileNameOff = word(i, 1);
    const lineOff = word(i, 2);
    const lineCol = word(i, 3);
    if ((i > 0 && insnIdx <= previous) || insnIdx >= v.insns.length) {
      refuse(
        v,
        EINVAL,
        `Invalid line_info[${i}].insn_off:${insnIdx} (prev_offset:${previous} prog->len:${v.insns.length})\n`,
      );
    }
    if (v.insns[insnIdx].code === 0) refuse(v, EINVAL, `Invalid insn code at line_info[${i}].insn_off\n`);
    if (lineOff >= btf.strLen || fileNameOff >= btf.strLen) {
      refuse(v, EINVAL, `Invalid line_info[${i}].line_off or .file_name_off\n`);
    }
    if (nextSubprog < subprogs.length) {
      const { start } = subprogs[nextSubprog];
      if (insnIdx === start) subprogs[nextSubprog++].lineInfoIdx = i;
      else if (start < insnIdx) refuse(v, EINVAL, `missing bpf_line_info for func#${nextSubprog}\n`);
    }
    v.lineInfo.push({ insnIdx, fileNameOff, lineOff, lineCol });
    previous = insnIdx;
  }
  if (nextSubprog < subprogs.length) {
    const missing = subprogs.length - nextSubprog;
    refuse(v, EINVAL, `missing bpf_line_info for ${missing} funcs starting from func#${nextSubprog}\n`);
  }
}
