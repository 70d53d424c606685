// SPDX-License-Identifier: MIT
// What became of a register or slot since its state began. @see include/linux/bpf_verifier.h, enum bpf_reg_liveness

/** Some descendant read the low half. */
export const LIVE_READ32 = 1;
/** Some descendant read all of it. Overrides LIVE_READ32. */
export const LIVE_READ64 = 2;
export const LIVE_READ = 3;
/** Written first: reads after it do not concern the parent. */
export const LIVE_WRITTEN = 4;
/** All paths from the state have been walked: no mark changes any more. */
export const LIVE_DONE = 8;
/**
 * Not shown, otherwise as written: a register that stands for another one, which has been read already, so that there is
 * nobody to tell of its reads.
 */
export const LIVE_STANDIN = 16;
