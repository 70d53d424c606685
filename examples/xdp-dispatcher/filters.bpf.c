// SPDX-License-Identifier: MIT
// Filters for the dispatcher's slots. None of them knows of the others, nor where it will run.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

/* Ports in host order, and sources in network order, whose packets are dropped. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u16);
	__type(value, __u8);
} closed_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u8);
} banned SEC(".maps");

/* Packets by IP protocol. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __always_inline struct iphdr *ipv4(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5)
		return 0;
	return ip;
}

SEC("freplace/slot0")
int count(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);
	__u32 key = ip ? ip->protocol : 0;
	__u64 *packets = bpf_map_lookup_elem(&seen, &key);

	if (packets)
		__sync_fetch_and_add(packets, 1);
	return XDP_PASS;
}

SEC("freplace/slot1")
int close_ports(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = ipv4(ctx);
	/* TCP has its ports where UDP has them. */
	struct udphdr *udp = (void *)(ip + 1);
	__u16 port;

	if (!ip || (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_TCP) || (void *)(udp + 1) > end)
		return XDP_PASS;
	port = bpf_ntohs(udp->dest);
	return bpf_map_lookup_elem(&closed_ports, &port) ? XDP_DROP : XDP_PASS;
}

SEC("freplace/slot2")
int ban(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);
	__u32 source;

	if (!ip)
		return XDP_PASS;
	source = ip->saddr;
	return bpf_map_lookup_elem(&banned, &source) ? XDP_DROP : XDP_PASS;
}

/* Sends everything back: never the right thing, and easy to see. */
SEC("freplace/slot1")
int reflect(struct xdp_md *ctx)
{
	return bpf_ktime_get_ns() ? XDP_TX : XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
