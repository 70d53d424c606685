// SPDX-License-Identifier: MIT

/** A small seeded generator of 32-bit numbers, so that a failing mutation can be repeated. */
export function createPrng(seed: number): { below(n: number): number; u32(): number } {
  let state = seed >>> 0;
  const u32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return { u32, below: (n) => u32() % n };
}

/** A copy with a few words, bytes or lengths changed. */
export function mutate(bytes: Uint8Array, prng: ReturnType<typeof createPrng>): Uint8Array {
  const out = new Uint8Array(bytes);
  const view = new DataView(out.buffer);
  const typeLen = view.getUint32(12, true);
  const count = 1 + prng.below(3);
  for (let i = 0; i < count; i++) {
    const inTypes = prng.below(12) !== 0;
    const at = inTypes && typeLen > 4 ? 24 + 4 * prng.below(Math.floor(typeLen / 4)) : prng.below(out.length - 4);
    if (at + 4 > out.length) continue;
    switch (prng.below(8)) {
      case 0:
        view.setUint32(at, prng.u32(), true);
        break;
      case 1:
        view.setUint32(at, 0, true);
        break;
      case 2:
        view.setUint32(at, view.getUint32(at, true) + 1, true);
        break;
      case 3:
        view.setUint32(at, view.getUint32(at, true) - 1, true);
        break;
      case 4:
        view.setUint8(at + prng.below(4), prng.below(256));
        break;
      case 5:
        view.setUint32(at, view.getUint32(at, true) ^ (1 << prng.below(32)), true);
        break;
      case 6:
        view.setUint32(at, prng.below(24), true);
        break;
      default:
        view.setUint8(at + 3, (view.getUint8(at + 3) & 0x80) | prng.below(21));
    }
  }
  return out;
}

/** Gives sections their sizes and externs a linkage that loads, as a loader does, so that the kernel reads on. */
export function makeLoadable(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes);
  const view = new DataView(out.buffer);
  const start = view.getUint32(4, true) + view.getUint32(8, true);
  const end = start + view.getUint32(12, true);
  const extra: Record<number, [number, number]> = {
    1: [4, 0],
    3: [12, 0],
    4: [0, 12],
    5: [0, 12],
    6: [0, 8],
    13: [0, 8],
    14: [4, 0],
    15: [0, 12],
    17: [4, 0],
    19: [0, 12],
  };
  for (let at = start; at < end; ) {
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x1f;
    const vlen = info & 0xffff;
    if (kind === 12 && vlen === 2) view.setUint32(at + 4, (info & ~0xffff) | 1, true);
    if (kind === 14 && view.getUint32(at + 12, true) === 2) view.setUint32(at + 12, 1, true);
    if (kind === 15 && view.getUint32(at + 8, true) === 0) {
      let secEnd = 0;
      for (let i = 0; i < vlen; i++) {
        const v = at + 12 + 12 * i;
        view.setUint32(v + 4, secEnd, true);
        secEnd += view.getUint32(v + 8, true);
      }
      view.setUint32(at + 8, secEnd, true);
    }
    const [fixed, per] = extra[kind] ?? [0, 0];
    at += 12 + fixed + per * vlen;
  }
  return out;
}
