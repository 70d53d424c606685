// SPDX-License-Identifier: MIT
// Quantities as people write them: 100mbit, 20ms, 0.1%, 10MB.
import type { LinkOptions } from 'tsbpf';
import { badInput } from '../failure.ts';

const RATES: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9, tbit: 1e12 };
const TIMES: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, min: 60e9 };
const SIZES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** A number and its unit; undefined where it is none, or has another unit. */
function quantity(text: string, units: Readonly<Record<string, number>>, bare?: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)$/i.exec(text.trim());
  const unit = units[(match?.[2] === '' ? (bare ?? '') : (match?.[2] ?? '')).toLowerCase()] as number | undefined;
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** Nanoseconds; a bare number is seconds. */
export function parseTime(option: string, text: string): number {
  return quantity(text, TIMES, 's') ?? badInput(`${option} ${text}: a time looks like 30s or 20ms`);
}

export function parseSize(option: string, text: string): number {
  const bytes = quantity(text, SIZES, 'b') ?? badInput(`${option} ${text}: a size looks like 10MB`);
  if (!Number.isInteger(bytes) || bytes < 1) badInput(`${option} ${text}: whole bytes, at least one`);
  return bytes;
}

export function parseCount(option: string, text: string, limits: { min: number; max: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < limits.min || value > limits.max)
    badInput(`${option} ${text}: a whole number from ${limits.min} to ${limits.max}`);
  return value;
}

/** A part of one: 0.01, or 1%. */
export function parsePart(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text.trim());
  const value = match === null ? NaN : Number(match[1]) / (match[2] === '%' ? 100 : 1);
  if (!(value >= 0 && value < 1)) badInput(`${option} ${text}: a part looks like 0.1% or 0.001, and is below 1`);
  return value;
}

const MAX_PACKETS = 10_000_000;

type Wanted = { -readonly [K in keyof LinkOptions]?: LinkOptions[K] };

/** `100mbit,20ms,queue=50,loss=0.1%,ecn=30`: rate, delay one way, and the rest in any order. */
export function parseLink(text: string): LinkOptions {
  const link: Wanted = {};
  const packets = (name: string, value: string, min: number): number =>
    parseCount(`--link …,${name}`, value, { min, max: MAX_PACKETS });
  for (const part of text.split(',')) {
    const [name, value] = part.split('=', 2) as [string, string | undefined];
    if (name === 'queue' && value !== undefined) link.queuePackets = packets('queue', value, 1);
    else if (name === 'ecn' && value !== undefined) link.ecnPackets = packets('ecn', value, 0);
    else if (name === 'loss' && value !== undefined) link.loss = parsePart('--link …,loss', value);
    else {
      const rate = quantity(part, RATES);
      const delay = quantity(part, TIMES);
      if (rate !== undefined && link.rateBps === undefined) link.rateBps = rate;
      else if (delay !== undefined && link.delayNs === undefined) link.delayNs = delay;
      else badInput(`--link ${text}: "${part}" is none of a rate (100mbit), a delay (20ms), queue=, loss= and ecn=`);
    }
  }
  const { rateBps, delayNs } = link;
  if (rateBps === undefined || delayNs === undefined)
    return badInput(`--link ${text}: a link needs a rate and a delay, such as 100mbit,20ms`);
  return { ...link, rateBps, delayNs };
}
