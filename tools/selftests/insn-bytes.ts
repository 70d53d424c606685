// SPDX-License-Identifier: MIT

/** Opcode, destination, source, offset, immediate. */
export type InsnFields = readonly [code: number, dst: number, src: number, off: number, imm: number];

/** Bytes of instructions. */
export function insnBytes(...insns: readonly InsnFields[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(insns.length * 8));
  insns.forEach(([code, dst, src, off, imm], i) => {
    view.setUint8(i * 8, code);
    view.setUint8(i * 8 + 1, (src << 4) | dst);
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm, true);
  });
  return new Uint8Array(view.buffer);
}

/** Sets an instruction's immediate. */
export function setImm(insns: Uint8Array, insnIdx: number, imm: number): void {
  new DataView(insns.buffer, insns.byteOffset, insns.byteLength).setInt32(insnIdx * 8 + 4, imm, true);
}
