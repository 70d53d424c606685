// SPDX-License-Identifier: MIT
// Test support: the bytes of one section of an ELF64 file, either byte order.

export function elfSection(file: Uint8Array, wanted: string): Uint8Array | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const le = file[5] === 1;
  const shoff = Number(view.getBigUint64(0x28, le));
  const shentsize = view.getUint16(0x3a, le);
  const shnum = view.getUint16(0x3c, le);
  const shstrndx = view.getUint16(0x3e, le);
  const section = (i: number): { name: number; off: number; size: number } => {
    const at = shoff + i * shentsize;
    return {
      name: view.getUint32(at, le),
      off: Number(view.getBigUint64(at + 0x18, le)),
      size: Number(view.getBigUint64(at + 0x20, le)),
    };
  };
  const names = section(shstrndx);
  for (let i = 0; i < shnum; i++) {
    const s = section(i);
    let name = '';
    for (let at = names.off + s.name; file[at] !== 0; at++) name += String.fromCharCode(file[at]);
    if (name === wanted) return new Uint8Array(file.subarray(s.off, s.off + s.size));
  }
  return undefined;
}
