// SPDX-License-Identifier: MIT
// Flags and small constants of bpf(2) and its helpers.
// @see include/uapi/linux/bpf.h

/** Element update: create or replace. */
export const BPF_ANY = 0;
/** Element update: create only. */
export const BPF_NOEXIST = 1;
/** Element update: replace only. */
export const BPF_EXIST = 2;
/** Element access under the value's spin lock. */
export const BPF_F_LOCK = 4;

/** Program load flags. */
export const BPF_F_STRICT_ALIGNMENT = 1;
export const BPF_F_ANY_ALIGNMENT = 2;
export const BPF_F_TEST_RND_HI32 = 4;
export const BPF_F_TEST_STATE_FREQ = 8;

/** Cgroup attach flags. */
export const BPF_F_ALLOW_OVERRIDE = 1;
export const BPF_F_ALLOW_MULTI = 2;
export const BPF_F_REPLACE = 4;
export const BPF_F_QUERY_EFFECTIVE = 1;

/** Bytes of an object name, its NUL included. */
export const BPF_OBJ_NAME_LEN = 16;
/** Bytes of a program tag. */
export const BPF_TAG_SIZE = 8;

export const XDP_ABORTED = 0;
export const XDP_DROP = 1;
export const XDP_PASS = 2;
export const XDP_TX = 3;
export const XDP_REDIRECT = 4;
/** Names of XDP verdicts, by number. */
export const XDP_ACTION_NAMES: Readonly<Record<number, string>> = {
  0: 'XDP_ABORTED',
  1: 'XDP_DROP',
  2: 'XDP_PASS',
  3: 'XDP_TX',
  4: 'XDP_REDIRECT',
};

export const TC_ACT_UNSPEC = -1;
export const TC_ACT_OK = 0;
export const TC_ACT_RECLASSIFY = 1;
export const TC_ACT_SHOT = 2;
export const TC_ACT_PIPE = 3;
export const TC_ACT_STOLEN = 4;
export const TC_ACT_QUEUED = 5;
export const TC_ACT_REPEAT = 6;
export const TC_ACT_REDIRECT = 7;

export const SK_DROP = 0;
export const SK_PASS = 1;

export const BPF_OK = 0;
export const BPF_DROP = 2;
export const BPF_REDIRECT = 7;
export const BPF_LWT_REROUTE = 128;

export const BPF_F_INDEX_MASK = 0xffffffffn;
export const BPF_F_CURRENT_CPU = 0xffffffffn;
export const BPF_F_CTXLEN_MASK = 0xfffffn << 32n;

/** `kernel.bpf_stats_enabled` off or on; TASK_FD_QUERY's kinds of fd. */
export const BPF_FD_TYPE_RAW_TRACEPOINT = 0;
export const BPF_FD_TYPE_TRACEPOINT = 1;
export const BPF_FD_TYPE_KPROBE = 2;
export const BPF_FD_TYPE_KRETPROBE = 3;
export const BPF_FD_TYPE_UPROBE = 4;
export const BPF_FD_TYPE_URETPROBE = 5;

export const CAP_NET_ADMIN = 12;
export const CAP_SYS_ADMIN = 21;
