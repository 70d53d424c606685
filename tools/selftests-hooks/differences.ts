// SPDX-License-Identifier: MIT
// Where the simulated 5.6 does other than Linux 6.1's tables want, by the rule that has changed since.
import type { Outcome } from './suites.ts';

/** A rule of v5.6 that later versions changed. */
interface VersionRule {
  readonly since: string;
  readonly what: string;
  fits(outcome: Outcome): boolean;
}

const VERSION_RULES: readonly VersionRule[] = [
  {
    since: '5.8',
    what: 'a part of user_port may be read',
    fits: ({ got }) => got === 'load-reject: invalid bpf_context access off=24 size=1',
  },
  {
    since: '5.8',
    what: 'programs at addresses may call bpf_setsockopt',
    fits: ({ got }) => got === 'load-reject: unknown func bpf_setsockopt#49',
  },
  {
    since: '5.17',
    what: 'a bind that a program denies afterwards gives its port back, and may be tried again',
    fits: ({ expected, got }) => expected === 'retry-success' && got === 'retry-EINVAL',
  },
];

/** The rule by which an outcome differs; undefined where none explains it. */
export function explain(outcome: Outcome): string | undefined {
  const rule = VERSION_RULES.find((one) => one.fits(outcome));
  return rule === undefined ? undefined : `since ${rule.since} ${rule.what}`;
}
