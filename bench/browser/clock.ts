// SPDX-License-Identifier: MIT
// In a page there is wall time only.

/** Nanoseconds. */
export const cpuNs = (): number => performance.now() * 1e6;
