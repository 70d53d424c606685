// SPDX-License-Identifier: MIT
// DCTCP (RFC 8257): the window falls by half the part of the data that was marked, which the receiver reports exactly.
#include "tcp.bpf.h"

/* alpha, the estimate of that part, has 20 bits behind its point; a window's fraction weighs 1/16. */
#define ALPHA_ONE (1 << 20)
#define GAIN_SHIFT 4

struct dctcp {
	/* Sender: the estimate, and what it was last made of. */
	__u32 alpha;
	__u32 next_seq;
	__u32 old_delivered;
	__u32 old_delivered_ce;
	__u32 prior_cwnd;
	/* Receiver: whether the last segment was marked, and what came before it. */
	__u32 prior_rcv_nxt;
	__u32 marked;
};
_Static_assert(sizeof(struct dctcp) <= 104, "more than a socket has room for");

static __always_inline void begin_window(const struct tcp_sock *tp, struct dctcp *ca)
{
	ca->next_seq = tp->snd_nxt;
	ca->old_delivered = tp->delivered;
	ca->old_delivered_ce = tp->delivered_ce;
}

SEC("struct_ops/dctcp_init")
void BPF_PROG(dctcp_init, struct sock *sk)
{
	struct tcp_sock *tp = tcp(sk);
	struct dctcp *ca = priv(sk);

	ca->alpha = ALPHA_ONE;
	ca->prior_cwnd = 0;
	ca->prior_rcv_nxt = tp->rcv_nxt;
	ca->marked = 0;
	begin_window(tp, ca);
}

/* Without ECN there is nothing to go by: Reno's answer. */
SEC("struct_ops/dctcp_ssthresh")
__u32 BPF_PROG(dctcp_ssthresh, struct sock *sk)
{
	struct tcp_sock *tp = tcp(sk);
	struct dctcp *ca = priv(sk);
	__u64 cwnd = tp->snd_cwnd;

	ca->prior_cwnd = cwnd;
	if (!(tp->ecn_flags & ECN_OK))
		return max32(cwnd >> 1, MIN_WINDOW);
	return max32(cwnd - (cwnd * ca->alpha) / (2 * ALPHA_ONE), MIN_WINDOW);
}

SEC("struct_ops/dctcp_grow")
void BPF_PROG(dctcp_grow, struct sock *sk, __u32 ack, __u32 acked)
{
	reno_cong_avoid(tcp(sk), acked);
}

/* Once a window: alpha = (1 - g) alpha + g F. */
SEC("struct_ops/dctcp_ack")
void BPF_PROG(dctcp_ack, struct sock *sk, __u32 flags)
{
	struct tcp_sock *tp = tcp(sk);
	struct dctcp *ca = priv(sk);
	__u64 delivered, marked, alpha;

	if (seq_before(tp->snd_una, ca->next_seq))
		return;
	delivered = tp->delivered - ca->old_delivered;
	marked = tp->delivered_ce - ca->old_delivered_ce;
	if (delivered) {
		alpha = ca->alpha;
		alpha = alpha - (alpha >> GAIN_SHIFT) + (marked * ALPHA_ONE >> GAIN_SHIFT) / delivered;
		ca->alpha = alpha < ALPHA_ONE ? alpha : ALPHA_ONE;
	}
	begin_window(tp, ca);
}

/* The receiver's side: acknowledgements never cover marked and unmarked segments alike (RFC 8257, 3.2). */
static __always_inline void mark_changed(struct tcp_sock *tp, struct dctcp *ca, __u32 marked)
{
	if (ca->marked != marked) {
		if (tp->inet_conn.icsk_ack.pending & ACK_TIMER) {
			/* What waits to be acknowledged came before the change. */
			if (ca->marked)
				tp->ecn_flags |= ECN_DEMAND_CWR;
			else
				tp->ecn_flags &= ~ECN_DEMAND_CWR;
			bpf_tcp_send_ack(tp, ca->prior_rcv_nxt);
		}
		tp->inet_conn.icsk_ack.pending |= ACK_NOW;
	}
	ca->prior_rcv_nxt = tp->rcv_nxt;
	ca->marked = marked;
	if (marked)
		tp->ecn_flags |= ECN_DEMAND_CWR;
	else
		tp->ecn_flags &= ~ECN_DEMAND_CWR;
}

SEC("struct_ops/dctcp_event")
void BPF_PROG(dctcp_event, struct sock *sk, __u32 ev)
{
	struct tcp_sock *tp = tcp(sk);
	struct dctcp *ca = priv(sk);

	if (ev == EVENT_ECN_IS_CE)
		mark_changed(tp, ca, 1);
	else if (ev == EVENT_ECN_NO_CE)
		mark_changed(tp, ca, 0);
}

SEC("struct_ops/dctcp_undo_cwnd")
__u32 BPF_PROG(dctcp_undo_cwnd, struct sock *sk)
{
	struct dctcp *ca = priv(sk);

	return max32(tcp(sk)->snd_cwnd, ca->prior_cwnd);
}

SEC(".struct_ops")
struct tcp_congestion_ops bpf_dctcp = {
	.flags = CONG_NEEDS_ECN,
	.init = (void *)dctcp_init,
	.ssthresh = (void *)dctcp_ssthresh,
	.cong_avoid = (void *)dctcp_grow,
	.in_ack_event = (void *)dctcp_ack,
	.cwnd_event = (void *)dctcp_event,
	.undo_cwnd = (void *)dctcp_undo_cwnd,
	.name = "bpf_dctcp",
};

char _license[] SEC("license") = "Dual MIT/GPL";
