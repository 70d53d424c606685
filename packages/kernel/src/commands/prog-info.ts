// SPDX-License-Identifier: MIT
// struct bpf_prog_info. @see kernel/bpf/syscall.c, bpf_prog_get_info_by_fd
import { BPF_INSN_SIZE, CAP_SYS_ADMIN, EINVAL, type ProgInfo } from '@tsbpf/uapi';
import { encodeInsns } from '@tsbpf/insn';
import type { BpfProg } from '@tsbpf/core';
import { jitedInfo } from './jited-info.ts';
import { showableInsns } from '../load/showable-insns.ts';
import type { KernelState } from '../kernel-state.ts';

const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;
const JITED_LINE_SIZE = 8;
const TAG_SIZE = 8;

/** Copies what fits, whole elements only. */
function fill(out: Uint8Array | undefined, bytes: Uint8Array): void {
  if (out !== undefined) out.set(bytes.subarray(0, Math.min(out.length, bytes.length)));
}

function words(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint32(i * 4, value, true));
  return bytes;
}

function quads(values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setBigUint64(i * 8, value, true));
  return bytes;
}

/** A size has to be the kernel's where it is given, or where records are asked for; a buffer alone implies it. */
const badRecSize = (given: number | undefined, real: number, count: number | undefined): boolean =>
  given !== undefined && given !== real && (given !== 0 || (count ?? 0) !== 0);

export function fillProgInfo(k: KernelState, prog: BpfProg, info: ProgInfo): number {
  const asked = { func: info.nr_func_info, line: info.nr_line_info, jited: info.nr_jited_line_info };
  if (
    badRecSize(info.func_info_rec_size, FUNC_INFO_SIZE, asked.func) ||
    badRecSize(info.line_info_rec_size, LINE_INFO_SIZE, asked.line) ||
    badRecSize(info.jited_line_info_rec_size, JITED_LINE_SIZE, asked.jited)
  ) {
    return -EINVAL;
  }
  info.type = prog.type;
  info.id = prog.id;
  info.tag = prog.tag.slice();
  info.load_time = prog.loadTimeNs;
  info.created_by_uid = prog.uid;
  info.gpl_compatible = prog.gplCompatible ? 1 : 0;
  info.name = prog.name;
  info.ifindex = prog.ifindex;
  info.netns_dev = 0n;
  info.netns_ino = 0n;
  info.run_time_ns = prog.runTimeNs;
  info.run_cnt = BigInt(prog.runCnt);
  info.btf_id = prog.btf?.id ?? 0;

  const mapIds = prog.maps.map((map) => map.id);
  fill(info.map_ids?.subarray(0, (info.nr_map_ids ?? mapIds.length) * 4), words(mapIds));
  info.nr_map_ids = mapIds.length;

  info.func_info_rec_size = FUNC_INFO_SIZE;
  info.line_info_rec_size = LINE_INFO_SIZE;
  info.jited_line_info_rec_size = JITED_LINE_SIZE;
  if (!k.env.capable(CAP_SYS_ADMIN)) return hideCode(info);

  const { verified } = prog;
  const xlated = encodeInsns(showableInsns(verified));
  fill(info.xlated_prog_insns?.subarray(0, info.xlated_prog_len ?? xlated.length), xlated);
  info.xlated_prog_len = verified.insns.length * BPF_INSN_SIZE;
  info.jited_prog_len = prog.loaded.codeBytes;

  const { ksyms, lens, lines: jitedLines } = jitedInfo(prog);
  fill(info.jited_ksyms, quads(ksyms));
  info.nr_jited_ksyms = ksyms.length;
  fill(info.jited_func_lens, words(lens));
  info.nr_jited_func_lens = lens.length;
  const tags = new Uint8Array(ksyms.length * TAG_SIZE);
  for (const i of ksyms.keys()) tags.set(verified.subprogs[i]?.tag ?? prog.tag, i * TAG_SIZE);
  fill(info.prog_tags, tags);
  info.nr_prog_tags = ksyms.length;

  const funcInfo = prog.funcInfo?.bytes ?? new Uint8Array();
  fill(info.func_info, funcInfo);
  info.nr_func_info = funcInfo.length / FUNC_INFO_SIZE;
  const lines = verified.lineInfo.flatMap((r) => [r.insnIdx, r.fileNameOff, r.lineOff, r.lineCol]);
  fill(info.line_info, words(lines));
  info.nr_line_info = verified.lineInfo.length;
  fill(info.jited_line_info, quads(jitedLines));
  info.nr_jited_line_info = jitedLines.length;
  return 0;
}

function hideCode(info: ProgInfo): number {
  info.jited_prog_len = 0;
  info.xlated_prog_len = 0;
  info.nr_jited_ksyms = 0;
  info.nr_jited_func_lens = 0;
  info.nr_func_info = 0;
  info.nr_line_info = 0;
  info.nr_jited_line_info = 0;
  info.nr_prog_tags = 0;
  return 0;
}
