// SPDX-License-Identifier: MIT
// CUBIC (RFC 9438) in whole numbers: windows in thousandths of a segment, time in milliseconds.
#include "tcp.bpf.h"

#define MILLI 1000
/* beta 0.7; with fast convergence the plateau is (1 + beta) / 2 of the window. */
#define BETA 700
#define FAST_CONVERGENCE 850
/* 3 (1 - beta) / (1 + beta) */
#define ALPHA 529
/* C is 0.4 segments per cubic second. */
#define CUBE_SCALE 2500000
#define MAX_MS 200000
#define ROOT_BITS 18

struct cubic {
	__u64 epoch_us;
	__u64 epoch_prior_us;
	__u64 last_ack_us;
	__u64 w_max;
	__u64 w_max_prior;
	__u64 origin;
	__u64 w_est;
	__u64 est_left;
	__u32 k;
	__u32 fraction;
	__u32 cwnd_prior;
	__u32 after_timeout;
};
_Static_assert(sizeof(struct cubic) <= 104, "more than a socket has room for");

/* The largest number whose cube is not above the value. */
static __always_inline __u32 cube_root(__u64 value)
{
	__u64 root = 0;
	int bit;

#pragma clang loop unroll(full)
	for (bit = ROOT_BITS - 1; bit >= 0; bit--) {
		__u64 next = root + (1 << bit);

		if (next * next * next <= value)
			root = next;
	}
	return root;
}

static __always_inline void begin_epoch(struct cubic *ca, __u64 window, __u64 now_us)
{
	ca->epoch_us = now_us;
	ca->fraction = 0;
	ca->w_est = window;
	ca->est_left = 0;
	if (ca->after_timeout || window >= ca->w_max) {
		ca->k = 0;
		ca->origin = window;
	} else {
		ca->k = cube_root((ca->w_max - window) * CUBE_SCALE);
		ca->origin = ca->w_max;
	}
	ca->after_timeout = 0;
}

/* The window of the curve, so many milliseconds into the epoch. */
static __always_inline __u64 curve(const struct cubic *ca, __u64 ms)
{
	__u64 k = ca->k;
	__u64 away = ms > k ? ms - k : k - ms;
	__u64 delta;

	if (away > MAX_MS)
		away = MAX_MS;
	delta = away * away * away / CUBE_SCALE;
	if (ms > k)
		return ca->origin + delta;
	return ca->origin > delta ? ca->origin - delta : 0;
}

static __always_inline void cubic_grow_by(struct tcp_sock *tp, struct cubic *ca, __u32 acked, __u64 now_us)
{
	__u64 cwnd = tp->snd_cwnd;
	__u64 own, target, window;

	if (!cwnd)
		return;
	if (!ca->epoch_us)
		begin_epoch(ca, cwnd * MILLI, now_us);
	own = cwnd * MILLI + ca->fraction;
	/* What the curve says a round trip from now, within reason. */
	target = curve(ca, (now_us - ca->epoch_us + (tp->srtt_us >> 3)) / 1000);
	if (target < own)
		target = own;
	if (target > own + own / 2)
		target = own + own / 2;
	window = own + acked * (target - own) / cwnd;
	/* Never slower than Reno. */
	ca->est_left += (__u64)acked * (ca->w_est < (__u64)ca->cwnd_prior * MILLI ? ALPHA : MILLI);
	ca->w_est += ca->est_left / cwnd;
	ca->est_left %= cwnd;
	if (ca->w_est > window)
		window = ca->w_est;
	tp->snd_cwnd = min32(window / MILLI, tp->snd_cwnd_clamp);
	ca->fraction = window % MILLI;
}

SEC("struct_ops/cubic_init")
void BPF_PROG(cubic_init, struct sock *sk)
{
	struct cubic *ca = priv(sk);

	ca->epoch_us = 0;
	ca->epoch_prior_us = 0;
	ca->last_ack_us = 0;
	ca->w_max = 0;
	ca->w_max_prior = 0;
	ca->origin = 0;
	ca->w_est = 0;
	ca->est_left = 0;
	ca->k = 0;
	ca->fraction = 0;
	ca->cwnd_prior = 0;
	ca->after_timeout = 0;
}

SEC("struct_ops/cubic_ssthresh")
__u32 BPF_PROG(cubic_ssthresh, struct sock *sk)
{
	struct cubic *ca = priv(sk);
	__u64 cwnd = tcp(sk)->snd_cwnd;

	ca->w_max_prior = ca->w_max;
	ca->epoch_prior_us = ca->epoch_us;
	ca->w_max = cwnd * MILLI < ca->w_max ? cwnd * FAST_CONVERGENCE : cwnd * MILLI;
	ca->cwnd_prior = cwnd;
	ca->epoch_us = 0;
	return max32(cwnd * BETA / MILLI, MIN_WINDOW);
}

SEC("struct_ops/cubic_grow")
void BPF_PROG(cubic_grow, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = tcp(sk);
	struct cubic *ca = priv(sk);
	__u64 now_us = tp->tcp_mstamp;

	ca->last_ack_us = now_us;
	if (!window_limited(tp))
		return;
	if (tp->snd_cwnd < tp->snd_ssthresh)
		acked = slow_start(tp, acked);
	if (acked)
		cubic_grow_by(tp, ca, acked, now_us);
}

SEC("struct_ops/cubic_set_state")
void BPF_PROG(cubic_set_state, struct sock *sk, __u8 new_state)
{
	struct cubic *ca = priv(sk);

	if (new_state != CA_LOSS_STATE)
		return;
	ca->epoch_us = 0;
	ca->after_timeout = 1;
}

/* Time in which nothing was sent is no time of the curve. */
SEC("struct_ops/cubic_event")
void BPF_PROG(cubic_event, struct sock *sk, __u32 ev)
{
	struct cubic *ca = priv(sk);
	__u64 now_us, shifted;

	if (ev != EVENT_TX_START || !ca->epoch_us || !ca->last_ack_us)
		return;
	now_us = tcp(sk)->tcp_mstamp;
	if (now_us <= ca->last_ack_us)
		return;
	shifted = ca->epoch_us + (now_us - ca->last_ack_us);
	ca->epoch_us = shifted < now_us ? shifted : now_us;
}

SEC("struct_ops/cubic_undo_cwnd")
__u32 BPF_PROG(cubic_undo_cwnd, struct sock *sk)
{
	struct cubic *ca = priv(sk);

	ca->w_max = ca->w_max_prior;
	if (!ca->epoch_us)
		ca->epoch_us = ca->epoch_prior_us;
	ca->after_timeout = 0;
	return max32(tcp(sk)->snd_cwnd, tcp(sk)->prior_cwnd);
}

SEC(".struct_ops")
struct tcp_congestion_ops bpf_cubic = {
	.init = (void *)cubic_init,
	.ssthresh = (void *)cubic_ssthresh,
	.cong_avoid = (void *)cubic_grow,
	.set_state = (void *)cubic_set_state,
	.cwnd_event = (void *)cubic_event,
	.undo_cwnd = (void *)cubic_undo_cwnd,
	.name = "bpf_cubic",
};

char _license[] SEC("license") = "Dual MIT/GPL";
