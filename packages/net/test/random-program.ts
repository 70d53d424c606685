// SPDX-License-Identifier: MIT
// Random programs of helper calls whose every result counts: r7 mixes them all and is the program's result.
import type { Prng } from '@tsbpf/capture';

const mixIn = (reg: string): string => `r7 *= 31\nr7 += ${reg}\n`;

const below = (prng: Prng, limit: number): number => prng() % limit;

function pick<T>(prng: Prng, of: readonly T[]): T {
  return of[below(prng, of.length)] as T;
}

const call = (id: number, ...args: (number | string)[]): string =>
  `r1 = r6\n${args.map((arg, i) => `r${i + 2} = ${arg}\n`).join('')}call ${id}\n${mixIn('r0')}`;

/** The program's stack from r10 - 32 on is data; loads go to r10 - 64. */
const DATA = 'r10\nr3 += -32';

const PIECES: Readonly<Record<string, (prng: Prng) => string>> = {
  loadBytes(prng) {
    const len = pick(prng, [1, 2, 3, 4, 8, 14, 20]);
    return `${call(26, below(prng, 80), 'r10\nr3 += -64', len)}r1 = *(u64 *)(r10 - 64)\n${mixIn('r1')}`;
  },
  loadRelative(prng) {
    const args = [below(prng, 70), 'r10\nr3 += -64', pick(prng, [1, 4, 8, 20]), below(prng, 3)];
    return `${call(68, ...args)}r1 = *(u64 *)(r10 - 64)\n${mixIn('r1')}`;
  },
  storeBytes: (prng) => call(9, below(prng, 70), DATA, pick(prng, [1, 2, 4, 7, 16]), below(prng, 5)),
  l3Csum: (prng) =>
    call(10, pick(prng, [24, 26, 25, 90, 0]), below(prng, 3) * below(prng, 70000), below(prng, 70000), pick(prng, [0, 2, 4, 3, 16])),
  l4Csum: (prng) =>
    call(
      11,
      pick(prng, [36, 40, 50, 51, 99]),
      below(prng, 3) * below(prng, 70000),
      below(prng, 70000),
      pick(prng, [0, 2, 4]) | pick(prng, [0, 16, 32, 48, 96, 256]),
    ),
  vlanPush: (prng) => call(18, pick(prng, [0x0081, 0xa888, 0x0008]), below(prng, 65536)),
  vlanPop: () => call(19),
  changeProto: (prng) => call(31, pick(prng, [0x0008, 0xdd86, 0x0081]), below(prng, 8) === 0 ? 1 : 0),
  changeType: (prng) => call(32, below(prng, 6)),
  changeTail: (prng) => call(38, below(prng, 300), below(prng, 8) === 0 ? 1 : 0),
  pullData: (prng) => call(39, below(prng, 120)),
  csumUpdate: (prng) => call(40, below(prng, 1000)),
  setHash: (prng) => `${call(48, below(prng, 1 << 30))}r1 = *(u32 *)(r6 + 68)\n${mixIn('r1')}`,
  clearHash: () => `${call(41)}r1 = *(u32 *)(r6 + 68)\n${mixIn('r1')}`,
  adjustRoom(prng) {
    const flags = pick(prng, [0, 1, 2, 4, 6, 10, 18, 24, 26]);
    return call(50, below(prng, 60) - 25, below(prng, 3), flags);
  },
  ecn: () => call(97),
};

/** Calls about which v5.6 and later kernels agree for every packet. */
export const CLASSIFIER_PIECES: readonly string[] = Object.keys(PIECES).filter((name) => name !== 'ecn');
/**
 * Calls about which they agree for packets without VLAN tags. Marking congestion is not mixed with calls that fill
 * headers with zeroes: where a checksum would become 0xffff, v5.6 writes 0.
 */
export const UNTAGGED_PIECES: readonly string[] = ['ecn', 'loadBytes', 'l3Csum', 'l4Csum', 'setHash', 'changeTail'];
/** As for classifiers; later kernels hand metadata out with the packet. */
export const XDP_NAMES = ['head', 'tail', 'write'];

/** Fields of `__sk_buff` whose value does not depend on the machine. */
const FIELDS = [0, 4, 8, 16, 20, 32, 44];

/** A classifier that calls helpers on its packet and then looks at all of it. */
export function randomClassifier(prng: Prng, pieces: readonly string[] = CLASSIFIER_PIECES): string {
  const start = 'r6 = r1\nr7 = 1\n';
  const stack = [32, 24, 16, 8]
    .map((off) => `r1 = ${below(prng, 1 << 30)} ll\nr1 *= 65537\n*(u64 *)(r10 - ${off}) = r1\n`)
    .join('');
  const clear = [64, 56, 48, 40].map((off) => `r1 = 0\n*(u64 *)(r10 - ${off}) = r1\n`).join('');
  const body = Array.from({ length: 1 + below(prng, 8) }, () => (PIECES[pick(prng, pieces)] as (p: Prng) => string)(prng)).join('');
  const fields = FIELDS.map((off) => `r1 = *(u32 *)(r6 + ${off})\n${mixIn('r1')}`).join('');
  const tag = `r1 = *(u32 *)(r6 + 20)\nif r1 == 0 goto notag\nr1 = *(u32 *)(r6 + 24)\n${mixIn('r1')}r1 = *(u32 *)(r6 + 28)\n${mixIn('r1')}notag:\n`;
  const direct =
    'r2 = *(u32 *)(r6 + 76)\nr3 = *(u32 *)(r6 + 80)\nr4 = r2\nr4 += 30\nif r4 > r3 goto out\n' +
    `r1 = *(u64 *)(r2 + 0)\n${mixIn('r1')}r1 = *(u64 *)(r2 + 8)\n${mixIn('r1')}r1 = *(u32 *)(r2 + 26)\n${mixIn('r1')}` +
    '*(u16 *)(r2 + 22) = r7\n';
  return `${start}${stack}${clear}${body}${fields}${tag}${direct}out:\nr0 = r7\nexit\n`;
}

const XDP_PIECES: Readonly<Record<string, (prng: Prng) => string>> = {
  head: (prng) => call(44, below(prng, 60) - 30),
  meta: (prng) => call(54, pick(prng, [-4, -8, -12, -32, -36, 4, 8, -3, 0])),
  tail: (prng) => call(65, -1 - below(prng, 40)),
  write(prng) {
    const label = `skip${below(prng, 1 << 30)}`;
    const off = below(prng, 60);
    return (
      `r2 = *(u32 *)(r6 + 0)\nr3 = *(u32 *)(r6 + 4)\nr4 = r2\nr4 += ${off + 4}\nif r4 > r3 goto ${label}\n` +
      `r1 = *(u32 *)(r2 + ${off})\n${mixIn('r1')}*(u32 *)(r2 + ${off}) = r7\n${label}:\n`
    );
  },
  writeMeta(prng) {
    const label = `skip${below(prng, 1 << 30)}`;
    return (
      `r2 = *(u32 *)(r6 + 8)\nr3 = *(u32 *)(r6 + 0)\nr4 = r2\nr4 += 4\nif r4 > r3 goto ${label}\n` +
      `*(u32 *)(r2 + 0) = r7\nr1 = *(u32 *)(r2 + 0)\n${mixIn('r1')}${label}:\n`
    );
  },
};

/** An XDP program that moves its packet's ends, reads and writes. */
export function randomXdp(prng: Prng, names: readonly string[] = XDP_NAMES): string {
  const body = Array.from({ length: 1 + below(prng, 10) }, () => (XDP_PIECES[pick(prng, names)] as (p: Prng) => string)(prng));
  return `r6 = r1\nr7 = 1\n${body.join('')}r1 = *(u32 *)(r6 + 12)\n${mixIn('r1')}r0 = r7\nexit\n`;
}
