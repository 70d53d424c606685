// SPDX-License-Identifier: MIT
import type { ReturnRange } from '@tsbpf/core';

/** 0 denies, 1 allows: what all cgroup program types may return, but for some attach types. */
export const DENY_OR_ALLOW: ReturnRange = { lo: 0, hi: 1 };
