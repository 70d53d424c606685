// SPDX-License-Identifier: MIT

/** Bytes per chunk of a saved memory. */
const CHUNK_BYTES = 1 << 16;

/** The bytes of a memory up to some offset; chunks that are all zero take no room. */
export interface SavedContents {
  readonly lenBytes: number;
  readonly chunks: readonly (Uint8Array | undefined)[];
}

/** Copies the first `lenBytes` bytes (a multiple of 8). */
export function saveContents(buffer: ArrayBufferLike, lenBytes: number): SavedContents {
  const chunks: (Uint8Array | undefined)[] = [];
  for (let off = 0; off < lenBytes; off += CHUNK_BYTES) {
    const len = Math.min(CHUNK_BYTES, lenBytes - off);
    chunks.push(isZero(new Int32Array(buffer, off, len >>> 2)) ? undefined : new Uint8Array(buffer, off, len).slice());
  }
  return { lenBytes, chunks };
}

/** Writes them back; bytes from there up to `dirtyBytes` become zero. */
export function restoreContents(buffer: ArrayBufferLike, saved: SavedContents, dirtyBytes: number): void {
  const bytes = new Uint8Array(buffer);
  saved.chunks.forEach((chunk, idx) => {
    const off = idx * CHUNK_BYTES;
    if (chunk !== undefined) bytes.set(chunk, off);
    else bytes.fill(0, off, Math.min(off + CHUNK_BYTES, saved.lenBytes));
  });
  if (dirtyBytes > saved.lenBytes) bytes.fill(0, saved.lenBytes, dirtyBytes);
}

function isZero(words: Int32Array): boolean {
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
