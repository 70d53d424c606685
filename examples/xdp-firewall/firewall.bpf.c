// SPDX-License-Identifier: MIT
// A small XDP firewall: counts frames by protocol, drops what a policy says, and remembers each source it has seen.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_VLANS 2
#define MAX_IPV6_HEADERS 4
#define IP_OFFSET_MASK 0x1fff
#define IP_MORE_FRAGMENTS 0x2000

struct vlan_header {
	__be16 tci;
	__be16 proto;
};

struct source {
	__u64 packets;
	__u64 bytes;
	__u16 last_port;
	__u8 last_protocol;
	__u8 blocked;
};

enum counter {
	COUNT_MALFORMED,
	COUNT_IPV4,
	COUNT_IPV6,
	COUNT_ARP,
	COUNT_OTHER,
	COUNT_FRAGMENT,
	COUNT_DROPPED,
	COUNT_MAX,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* TCP and UDP ports to drop, in host byte order. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u16);
	__type(value, __u8);
} blocked_ports SEC(".maps");

/* What each IPv4 source sent. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __be32);
	__type(value, struct source);
} sources SEC(".maps");

/* Set before the program is loaded. */
const volatile __u16 min_ttl = 2;
const volatile __u8 drop_fragments = 1;

/* Read after the program ran. */
__u64 total_bytes = 0;
__u32 last_verdict = 0;

struct cursor {
	void *pos;
	void *end;
};

static __always_inline void count(__u32 which)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &which);

	if (value)
		*value += 1;
}

static __noinline int port_blocked(__u16 port)
{
	__u8 *rule = bpf_map_lookup_elem(&blocked_ports, &port);

	return rule && *rule;
}

static __always_inline int transport(struct cursor *c, __u8 protocol, __u16 *port)
{
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = c->pos;

		if ((void *)(tcp + 1) > c->end)
			return -1;
		*port = bpf_ntohs(tcp->dest);
	} else if (protocol == IPPROTO_UDP) {
		struct udphdr *udp = c->pos;

		if ((void *)(udp + 1) > c->end)
			return -1;
		*port = bpf_ntohs(udp->dest);
	}
	return 0;
}

static __always_inline int ipv4(struct cursor *c)
{
	struct iphdr *ip = c->pos;
	struct source fresh = {};
	struct source *src;
	__u16 port = 0;
	__u32 header;
	__be32 addr;

	if ((void *)(ip + 1) > c->end)
		goto malformed;
	header = ip->ihl * 4;
	if (header < sizeof(*ip))
		goto malformed;
	count(COUNT_IPV4);
	addr = ip->saddr;
	if (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK)) {
		count(COUNT_FRAGMENT);
		if (drop_fragments)
			return XDP_DROP;
	} else {
		__u8 protocol = ip->protocol;

		fresh.last_protocol = protocol;
		c->pos += header;
		if (transport(c, protocol, &port) < 0)
			goto malformed;
	}
	if (ip->ttl < min_ttl)
		return XDP_DROP;

	src = bpf_map_lookup_elem(&sources, &addr);
	if (!src) {
		fresh.packets = 1;
		fresh.bytes = bpf_ntohs(ip->tot_len);
		fresh.last_port = port;
		bpf_map_update_elem(&sources, &addr, &fresh, BPF_NOEXIST);
	} else {
		src->packets += 1;
		src->bytes += bpf_ntohs(ip->tot_len);
		src->last_port = port;
		src->last_protocol = fresh.last_protocol;
		if (src->blocked)
			return XDP_DROP;
	}
	return port && port_blocked(port) ? XDP_DROP : XDP_PASS;

malformed:
	count(COUNT_MALFORMED);
	return XDP_DROP;
}

static __always_inline int ipv6(struct cursor *c)
{
	struct ipv6hdr *ip = c->pos;
	__u16 port = 0;
	__u8 next;
	int i;

	if ((void *)(ip + 1) > c->end)
		goto malformed;
	count(COUNT_IPV6);
	if (ip->hop_limit < min_ttl)
		return XDP_DROP;
	next = ip->nexthdr;
	c->pos = ip + 1;
#pragma clang loop unroll(disable)
	for (i = 0; i < MAX_IPV6_HEADERS; i++) {
		__u8 *ext = c->pos;

		if (next == IPPROTO_FRAGMENT) {
			count(COUNT_FRAGMENT);
			return drop_fragments ? XDP_DROP : XDP_PASS;
		}
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			break;
		if ((void *)(ext + 8) > c->end)
			goto malformed;
		next = ext[0];
		c->pos += (ext[1] + 1) * 8;
	}
	if (transport(c, next, &port) < 0)
		goto malformed;
	return port && port_blocked(port) ? XDP_DROP : XDP_PASS;

malformed:
	count(COUNT_MALFORMED);
	return XDP_DROP;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	struct cursor c = {
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	struct ethhdr *eth = c.pos;
	int verdict = XDP_PASS;
	__be16 proto;
	int i;

	if ((void *)(eth + 1) > c.end) {
		count(COUNT_MALFORMED);
		return XDP_ABORTED;
	}
	total_bytes += c.end - c.pos;
	proto = eth->h_proto;
	c.pos = eth + 1;
#pragma unroll
	for (i = 0; i < MAX_VLANS; i++) {
		struct vlan_header *vlan = c.pos;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > c.end) {
			count(COUNT_MALFORMED);
			return XDP_DROP;
		}
		proto = vlan->proto;
		c.pos = vlan + 1;
	}

	switch (proto) {
	case bpf_htons(ETH_P_IP):
		verdict = ipv4(&c);
		break;
	case bpf_htons(ETH_P_IPV6):
		verdict = ipv6(&c);
		break;
	case bpf_htons(ETH_P_ARP):
		count(COUNT_ARP);
		break;
	default:
		count(COUNT_OTHER);
	}
	if (verdict == XDP_DROP)
		count(COUNT_DROPPED);
	last_verdict = verdict;
	return verdict;
}

char LICENSE[] SEC("license") = "GPL";
