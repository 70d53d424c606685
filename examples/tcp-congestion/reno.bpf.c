// SPDX-License-Identifier: MIT
// Reno (RFC 5681): the smallest congestion control there is.
#include "tcp.bpf.h"

SEC("struct_ops/reno_ssthresh")
__u32 BPF_PROG(reno_ssthresh, struct sock *sk)
{
	return max32(tcp(sk)->snd_cwnd >> 1, MIN_WINDOW);
}

SEC("struct_ops/reno_grow")
void BPF_PROG(reno_grow, struct sock *sk, __u32 ack, __u32 acked)
{
	reno_cong_avoid(tcp(sk), acked);
}

SEC("struct_ops/reno_undo_cwnd")
__u32 BPF_PROG(reno_undo_cwnd, struct sock *sk)
{
	return max32(tcp(sk)->snd_cwnd, tcp(sk)->prior_cwnd);
}

SEC(".struct_ops")
struct tcp_congestion_ops bpf_reno = {
	.ssthresh = (void *)reno_ssthresh,
	.cong_avoid = (void *)reno_grow,
	.undo_cwnd = (void *)reno_undo_cwnd,
	.name = "bpf_reno",
};

char _license[] SEC("license") = "Dual MIT/GPL";
