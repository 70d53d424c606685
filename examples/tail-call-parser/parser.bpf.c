// SPDX-License-Identifier: MIT
// A parser with one XDP program for each protocol. They call each other through a program array, which the object
// itself fills in, and hand on what they know in a map that every CPU has for itself.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_OFFSET 1024

enum parser {
	PARSE_VLAN,
	PARSE_IPV4,
	PARSE_IPV6,
	PARSE_TCP,
	PARSE_UDP,
	PARSERS,
};

struct vlan_header {
	__be16 tci;
	__be16 proto;
};

struct state {
	__u32 offset;
	__u16 tags;
	__u16 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state);
} states SEC(".maps");

/* Packets by the last parser that understood them. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PARSERS);
	__type(key, __u32);
	__type(value, __u64);
} parsed SEC(".maps");

/* Set before the program is loaded. */
const volatile __u16 echo_port = 7;

int parse_vlan(struct xdp_md *ctx);
int parse_ipv4(struct xdp_md *ctx);
int parse_ipv6(struct xdp_md *ctx);
int parse_tcp(struct xdp_md *ctx);
int parse_udp(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PARSERS);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *ctx));
} parsers SEC(".maps") = {
	.values = {
		[PARSE_VLAN] = (void *)&parse_vlan,
		[PARSE_IPV4] = (void *)&parse_ipv4,
		[PARSE_IPV6] = (void *)&parse_ipv6,
		[PARSE_TCP] = (void *)&parse_tcp,
		[PARSE_UDP] = (void *)&parse_udp,
	},
};

static __always_inline struct state *state_of(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&states, &zero);
}

/* Where this parser's header starts; NULL where the packet ends before `size` bytes of it. */
static __always_inline void *header(struct xdp_md *ctx, __u32 offset, __u32 size)
{
	void *at = (void *)(long)ctx->data;

	if (offset > MAX_OFFSET)
		return 0;
	at += offset;
	return at + size > (void *)(long)ctx->data_end ? 0 : at;
}

static __always_inline void understood(__u32 parser)
{
	__u64 *count = bpf_map_lookup_elem(&parsed, &parser);

	if (count)
		*count += 1;
}

/* Comes back only where no parser took over: none for the protocol, or too many so far. */
static __always_inline void by_ethertype(struct xdp_md *ctx, __be16 proto)
{
	if (proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD))
		bpf_tail_call(ctx, &parsers, PARSE_VLAN);
	else if (proto == bpf_htons(ETH_P_IP))
		bpf_tail_call(ctx, &parsers, PARSE_IPV4);
	else if (proto == bpf_htons(ETH_P_IPV6))
		bpf_tail_call(ctx, &parsers, PARSE_IPV6);
}

static __always_inline void by_protocol(struct xdp_md *ctx, __u8 protocol)
{
	if (protocol == IPPROTO_TCP)
		bpf_tail_call(ctx, &parsers, PARSE_TCP);
	else if (protocol == IPPROTO_UDP)
		bpf_tail_call(ctx, &parsers, PARSE_UDP);
}

SEC("xdp")
int parse_ethernet(struct xdp_md *ctx)
{
	struct state *state = state_of();
	struct ethhdr *eth = header(ctx, 0, sizeof(*eth));

	if (!state || !eth)
		return XDP_DROP;
	state->offset = sizeof(*eth);
	state->tags = 0;
	state->port = 0;
	by_ethertype(ctx, eth->h_proto);
	return XDP_PASS;
}

SEC("xdp")
int parse_vlan(struct xdp_md *ctx)
{
	struct state *state = state_of();
	struct vlan_header *vlan;

	if (!state)
		return XDP_ABORTED;
	vlan = header(ctx, state->offset, sizeof(*vlan));
	if (!vlan)
		return XDP_DROP;
	state->offset += sizeof(*vlan);
	state->tags += 1;
	understood(PARSE_VLAN);
	by_ethertype(ctx, vlan->proto);
	return XDP_PASS;
}

SEC("xdp")
int parse_ipv4(struct xdp_md *ctx)
{
	struct state *state = state_of();
	struct iphdr *ip;

	if (!state)
		return XDP_ABORTED;
	ip = header(ctx, state->offset, sizeof(*ip));
	if (!ip || ip->ihl < 5)
		return XDP_DROP;
	state->offset += ip->ihl * 4;
	understood(PARSE_IPV4);
	by_protocol(ctx, ip->protocol);
	return XDP_PASS;
}

SEC("xdp")
int parse_ipv6(struct xdp_md *ctx)
{
	struct state *state = state_of();
	struct ipv6hdr *ip;

	if (!state)
		return XDP_ABORTED;
	ip = header(ctx, state->offset, sizeof(*ip));
	if (!ip)
		return XDP_DROP;
	state->offset += sizeof(*ip);
	understood(PARSE_IPV6);
	by_protocol(ctx, ip->nexthdr);
	return XDP_PASS;
}

SEC("xdp")
int parse_tcp(struct xdp_md *ctx)
{
	struct state *state = state_of();
	struct tcphdr *tcp;

	if (!state)
		return XDP_ABORTED;
	tcp = header(ctx, state->offset, sizeof(*tcp));
	if (!tcp)
		return XDP_DROP;
	state->port = bpf_ntohs(tcp->dest);
	understood(PARSE_TCP);
	return XDP_PASS;
}

/* Answers what comes to the echo port: sends it back. */
SEC("xdp")
int parse_udp(struct xdp_md *ctx)
{
	struct state *state = state_of();
	struct ethhdr *eth = header(ctx, 0, sizeof(*eth));
	struct udphdr *udp;
	__be16 port;

	if (!state || !eth)
		return XDP_ABORTED;
	udp = header(ctx, state->offset, sizeof(*udp));
	if (!udp)
		return XDP_DROP;
	state->port = bpf_ntohs(udp->dest);
	understood(PARSE_UDP);
	if (udp->dest != bpf_htons(echo_port))
		return XDP_PASS;
	port = udp->source;
	udp->source = udp->dest;
	udp->dest = port;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
