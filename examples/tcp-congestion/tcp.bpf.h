/* SPDX-License-Identifier: MIT */
/* What a congestion control needs of the kernel's types. Places are relocated to the kernel it is loaded into. */
#ifndef TCP_BPF_H
#define TCP_BPF_H
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock;

struct inet_connection_sock {
	struct {
		__u8 pending;
	} icsk_ack;
	__u64 icsk_ca_priv[13];
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 rcv_nxt;
	__u32 snd_nxt;
	__u32 snd_una;
	__u64 tcp_mstamp;
	__u32 srtt_us;
	__u8 ecn_flags;
	__u32 delivered;
	__u32 delivered_ce;
	__u32 snd_ssthresh;
	__u32 snd_cwnd;
	__u32 snd_cwnd_cnt;
	__u32 snd_cwnd_clamp;
	__u32 max_packets_out;
	__u32 prior_cwnd;
	__u8 is_cwnd_limited : 1;
};

#pragma clang attribute pop

struct tcp_congestion_ops {
	__u32 flags;
	void (*init)(struct sock *sk);
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	void (*set_state)(struct sock *sk, __u8 new_state);
	void (*cwnd_event)(struct sock *sk, __u32 ev);
	void (*in_ack_event)(struct sock *sk, __u32 flags);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
};

enum { CONG_NEEDS_ECN = 2 };
enum { CA_LOSS_STATE = 4 };
enum {
	EVENT_TX_START = 0,
	EVENT_ECN_NO_CE = 4,
	EVENT_ECN_IS_CE = 5,
};
enum { ACK_EVENT_ECE = 4 };
enum { ECN_OK = 1, ECN_DEMAND_CWR = 4 };
enum { ACK_TIMER = 2, ACK_NOW = 16 };

#define MIN_WINDOW 2

/* A socket is a tcp_sock wherever a congestion control sees it. */
static __always_inline struct tcp_sock *tcp(struct sock *sk)
{
	return (struct tcp_sock *)sk;
}

static __always_inline void *priv(struct sock *sk)
{
	return tcp(sk)->inet_conn.icsk_ca_priv;
}

static __always_inline __u32 min32(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static __always_inline __u32 max32(__u32 a, __u32 b)
{
	return a > b ? a : b;
}

/* Sequence numbers wrap around. */
static __always_inline bool seq_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/* The window is what limits sending: only then may it grow. */
static __always_inline bool window_limited(const struct tcp_sock *tp)
{
	if (tp->snd_cwnd < tp->snd_ssthresh)
		return tp->snd_cwnd < 2 * tp->max_packets_out;
	return BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited);
}

/* Grows by what was acknowledged, up to the threshold. Returns what is left over. */
static __always_inline __u32 slow_start(struct tcp_sock *tp, __u32 acked)
{
	__u32 grown = min32(tp->snd_cwnd + acked, tp->snd_ssthresh);
	__u32 left = acked - (grown - tp->snd_cwnd);

	tp->snd_cwnd = min32(grown, tp->snd_cwnd_clamp);
	return left;
}

/* Grows by a segment for every window that was acknowledged. */
static __always_inline void grow_by_window(struct tcp_sock *tp, __u32 acked)
{
	__u32 cwnd = tp->snd_cwnd;
	__u32 count = tp->snd_cwnd_cnt + acked;

	if (cwnd && count >= cwnd) {
		__u32 grown = count / cwnd;

		count -= grown * cwnd;
		tp->snd_cwnd = min32(cwnd + grown, tp->snd_cwnd_clamp);
	}
	tp->snd_cwnd_cnt = count;
}

/* RFC 5681. */
static __always_inline void reno_cong_avoid(struct tcp_sock *tp, __u32 acked)
{
	if (!window_limited(tp))
		return;
	if (tp->snd_cwnd < tp->snd_ssthresh)
		acked = slow_start(tp, acked);
	if (acked)
		grow_by_window(tp, acked);
}

#endif
