// SPDX-License-Identifier: MIT
// What the analysis notes of an unprivileged addition or subtraction that may involve a pointer, for the masking rewrite.
// @see include/linux/bpf_verifier.h, BPF_ALU_SANITIZE

/** The offset is in the source register. */
export const ALU_SANITIZE_SRC = 1;
/** The offset is in the destination register. */
export const ALU_SANITIZE_DST = 2;
/** The offset is negative: it is masked as its absolute value. */
export const ALU_NEG_VALUE = 4;
/** Plain scalars on this path: no masking, and no pointer may come here on another path. */
export const ALU_NON_POINTER = 8;
