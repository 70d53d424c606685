// SPDX-License-Identifier: MIT
// A program that Linux refuses. It looks for the maximum segment size among a TCP header's options, and makes sure that
// the option's first two bytes are in the packet; the value that it then reads lies behind them.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define OPTION_MSS 2

struct mss_option {
	__u8 kind;
	__u8 length;
	__be16 size;
};

__u32 smallest = 65535;

SEC("xdp")
int smallest_mss(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	struct mss_option *option = (void *)(tcp + 1);
	__u16 size;

	if ((void *)(tcp + 1) > end)
		return XDP_PASS;
	if (ip->ihl != 5 || ip->protocol != IPPROTO_TCP || !tcp->syn)
		return XDP_PASS;
	if ((void *)option + 2 > end)
		return XDP_PASS;
	if (option->kind != OPTION_MSS)
		return XDP_PASS;
	size = bpf_ntohs(option->size);
	if (size < smallest)
		smallest = size;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
