// SPDX-License-Identifier: MIT
import { BPF_INSN_SIZE, EINVAL, UsageError } from '@tsbpf/uapi';
import type { Insn } from './insn.ts';

/** How instructions lie in memory. */
export interface CodecOptions {
  /** `little` unless told; `big` is what objects for big-endian machines (`bpfeb`) hold. */
  endian?: 'little' | 'big';
}

/**
 * Instructions of a byte string, one entry per 8 bytes.
 *
 * Every byte string whose length fits decodes: opcodes are not judged here. `encodeInsns` is the inverse.
 * @errno EINVAL (UsageError) the length is not a multiple of 8
 */
export function decodeInsns(bytes: Uint8Array, options: CodecOptions = {}): Insn[] {
  if (bytes.length % BPF_INSN_SIZE !== 0) {
    throw new UsageError(
      `instructions take ${BPF_INSN_SIZE} bytes each, but ${bytes.length} bytes are no multiple of that`,
      { errno: EINVAL },
    );
  }
  const little = options.endian !== 'big';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const insns: Insn[] = new Array(bytes.length / BPF_INSN_SIZE);
  for (let i = 0, at = 0; i < insns.length; i++, at += BPF_INSN_SIZE) {
    const regs = bytes[at + 1];
    const low = regs & 0x0f;
    const high = regs >> 4;
    insns[i] = {
      code: bytes[at],
      dst: little ? low : high,
      src: little ? high : low,
      off: view.getInt16(at + 2, little),
      imm: view.getInt32(at + 4, little),
    };
  }
  return insns;
}

function checkFields(insn: Insn, idx: number): void {
  const bad =
    (insn.code & 0xff) !== insn.code
      ? 'code'
      : (insn.dst & 0x0f) !== insn.dst
        ? 'dst'
        : (insn.src & 0x0f) !== insn.src
          ? 'src'
          : (insn.off << 16) >> 16 !== insn.off
            ? 'off'
            : (insn.imm | 0) !== insn.imm
              ? 'imm'
              : undefined;
  if (bad === undefined) return;
  throw new UsageError(`instruction ${idx}: ${bad} ${insn[bad]} does not fit its field`, { errno: EINVAL });
}

/**
 * The bytes of instructions, 8 each.
 * @errno EINVAL (UsageError) a field does not fit (imm and off are signed)
 */
export function encodeInsns(insns: readonly Insn[], options: CodecOptions = {}): Uint8Array {
  const little = options.endian !== 'big';
  const bytes = new Uint8Array(insns.length * BPF_INSN_SIZE);
  const view = new DataView(bytes.buffer);
  for (let i = 0, at = 0; i < insns.length; i++, at += BPF_INSN_SIZE) {
    const insn = insns[i];
    checkFields(insn, i);
    bytes[at] = insn.code;
    bytes[at + 1] = little ? insn.dst | (insn.src << 4) : insn.src | (insn.dst << 4);
    view.setInt16(at + 2, insn.off, little);
    view.setInt32(at + 4, insn.imm, little);
  }
  return bytes;
}
