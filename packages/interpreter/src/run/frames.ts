// SPDX-License-Identifier: MIT

/** Frames of nested calls, the main function's included. @see include/linux/bpf_verifier.h, MAX_CALL_FRAMES */
export const MAX_FRAMES = 8;
/** Words that a frame saves: return address, loops left, R6 to R9. */
export const FRAME_WORDS = 10;
/** Times that may_goto falls through in one activation. @see include/linux/bpf.h, BPF_MAX_LOOPS */
export const MAX_LOOPS = 8 * 1024 * 1024;
