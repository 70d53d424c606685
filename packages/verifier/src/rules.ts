// SPDX-License-Identifier: MIT
// Behaviours of the verifier that changed over time. Each is a named rule with the version that changed it; the code
// asks for the rule, never for a version.
import { type KernelVersion, versionAtLeast } from '@tsbpf/core';

/** A behaviour and the version that brought it. */
export interface Rule {
  readonly name: string;
  /** The first version that behaves the new way. */
  readonly since: KernelVersion;
  /** How versions before it behave, and since then. */
  readonly before: string;
  readonly after: string;
}

const rule = <N extends string>(name: N, since: KernelVersion, before: string, after: string) =>
  ({ name, since, before, after }) as const satisfies Rule;

/** The table. */
export const RULES = [
  rule('mod32ZeroExtends', '5.12', 'MOD32 by zero keeps the upper half of dst', 'dst is zero-extended'),
  rule(
    'leftMaskInclusive',
    '5.12',
    'unprivileged pointer arithmetic to the left by all that there is moves nothing: the mask is one short',
    'moves the pointer',
  ),
  rule('packetRightOpenRange', '5.16', 'pkt < pkt_end proves one byte less than the offset', 'proves one byte more'),
  rule(
    'strHelpersKeepNegative',
    '5.7',
    'get_stack and probe_read_str results are taken to be at least 0',
    'negative errors are kept',
  ),
  rule('tnumMulByPartialProducts', '5.14', 'tnum multiplication by accumulated masks', 'by partial products'),
  rule('flowKeysConstOnly', '6.8', 'a variable offset into flow keys is ignored', 'is rejected'),
  rule('signedGreaterStrict', '5.7', 'JSGT is not predicted false when smax equals the value', 'is predicted'),
  rule('narrowLoad4Of8Masked', '6.4', "4 of a context field's 8 bytes keep what is above them", 'are masked'),
  rule(
    'idsOfEqualRegisters',
    '6.2',
    'pruning does not note the ids of registers that are identical, so that what shares them may differ',
    'notes them',
  ),
  rule(
    'jumpsTaintPrecision',
    '6.3',
    'a number that was compared with one that must be precise need not be (CVE-2023-2163)',
    'must be precise, too',
  ),
  rule('exitMarksPrecise', '6.8', 'the exit value check marks nothing precise', 'marks R0 precise'),
] as const;

export type RuleName = (typeof RULES)[number]['name'];

/** Which rules apply to a version. */
export type Rules = Readonly<Record<RuleName, boolean>>;

/** The rules of one Linux version. */
export function rulesFor(version: KernelVersion): Rules {
  return Object.fromEntries(RULES.map((r) => [r.name, versionAtLeast(version, r.since)])) as unknown as Rules;
}
