// SPDX-License-Identifier: MIT

const NARROW = [
  { name: 'char', bits: 8 },
  { name: 'short', bits: 16 },
  { name: 'int', bits: 32 },
] as const;

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

export interface Gap {
  /** Bits from the struct's start: where the last member ended and where the next begins. */
  readonly from: number;
  readonly to: number;
  /** Alignment of the next member, in bytes. */
  readonly nextAlign: number;
  /** Bitfields on both sides. */
  readonly inBitfield: boolean;
  readonly pointerSize: number;
}

/**
 * The unnamed bitfields (`long: 64`, `int: 0`) that make a compiler leave the gap, as few as alignment allows. Yields
 * the text of each.
 */
export function* padding(gap: Gap): Generator<string> {
  const pads = [...NARROW, { name: 'long', bits: gap.pointerSize * 8 }];
  const { to } = gap;
  let at = gap.from;
  if (at >= to) return;

  // The widest type whose next boundary is still in the gap.
  let unit = pads[0];
  let boundary = roundUp(at, unit.bits);
  for (const pad of pads) {
    const next = roundUp(at, pad.bits);
    if (next <= to) {
      unit = pad;
      boundary = next;
    }
  }
  if (boundary > at && boundary <= to) {
    const compilerStopsHere = roundUp(at, gap.nextAlign * 8) === boundary;
    const restFitsBefore = to - boundary <= boundary - at;
    const needsMark = gap.inBitfield || (boundary === to ? !compilerStopsHere : restFitsBefore);
    if (needsMark) yield `${unit.name}: ${gap.inBitfield ? boundary - at : 0}`;
    at = boundary;
  }
  for (; to - at >= unit.bits; at += unit.bits) yield `${unit.name}: ${unit.bits}`;
  if (at < to) {
    const rest = to - at;
    const smallest = pads.find((pad) => pad.bits >= rest) ?? unit;
    yield `${smallest.name}: ${rest}`;
  }
}
