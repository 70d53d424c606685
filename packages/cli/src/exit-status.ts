// SPDX-License-Identifier: MIT

/** Exit statuses of our own verbs. Verbs that are bpftool's exit with 0 or 255, as bpftool does. */
export const OK = 0;
/** Rejected by the verifier, or failed. */
export const FAILED = 1;
/** Bad usage, or input that cannot be read. */
export const BAD_INPUT = 2;
/** Not supported by the simulator: neither a pass nor a failure. */
export const UNSUPPORTED = 3;
