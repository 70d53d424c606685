// SPDX-License-Identifier: MIT
// A policer for TC: each IPv4 flow has a bucket of tokens, one per byte. What does not fit is dropped, and what nearly
// does not is marked as having met congestion, where its sender understands that.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define NSEC_PER_SEC 1000000000ULL
#define IP_OFFSET_MASK 0x1fff
#define ECN_MASK 3
#define ECN_CONGESTED 3

enum outcome {
	PASSED,
	MARKED,
	DROPPED,
	NOT_IPV4,
	OUTCOMES,
};

struct tally {
	__u64 packets;
	__u64 bytes;
};

struct flow {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 protocol;
};

struct bucket {
	__u64 tokens;
	__u64 updated_ns;
};

/* Each CPU counts for itself. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, struct tally);
} tallies SEC(".maps");

/* Flows that are heard of least make room for new ones. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, struct bucket);
} flows SEC(".maps");

/* Bytes a second, up to a thousand million, and bytes at once. Set before the program is loaded. */
const volatile __u64 rate = 1000;
const volatile __u64 burst = 3000;

static __always_inline int finish(struct __sk_buff *skb, __u32 outcome)
{
	struct tally *tally = bpf_map_lookup_elem(&tallies, &outcome);

	if (tally) {
		tally->packets += 1;
		tally->bytes += skb->len;
	}
	return outcome == DROPPED ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Takes a packet's tokens from its flow's bucket. */
static __noinline int charge(const struct flow *flow, __u64 bytes)
{
	struct bucket *bucket = bpf_map_lookup_elem(&flows, flow);
	__u64 now = bpf_ktime_get_ns();
	__u64 elapsed, tokens;

	if (!bucket) {
		struct bucket fresh = { .tokens = burst, .updated_ns = now };
		int fits = bytes <= fresh.tokens;

		if (fits)
			fresh.tokens -= bytes;
		bpf_map_update_elem(&flows, flow, &fresh, BPF_NOEXIST);
		return fits ? PASSED : DROPPED;
	}
	elapsed = now - bucket->updated_ns;
	if (elapsed > NSEC_PER_SEC)
		elapsed = NSEC_PER_SEC;
	tokens = bucket->tokens + elapsed * rate / NSEC_PER_SEC;
	if (tokens > burst)
		tokens = burst;
	bucket->updated_ns = now;
	bucket->tokens = tokens;
	if (bytes > tokens)
		return DROPPED;
	tokens -= bytes;
	bucket->tokens = tokens;
	return tokens < burst / 4 ? MARKED : PASSED;
}

/* Sets both congestion bits and repairs the checksum, where the packet's sender takes part. */
static __always_inline int mark(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	struct iphdr *ip = data + ETH_HLEN;
	__u16 before, after;

	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return -1;
	if ((ip->tos & ECN_MASK) == 0 || (ip->tos & ECN_MASK) == ECN_CONGESTED)
		return 0;
	before = *(__u16 *)ip;
	ip->tos |= ECN_CONGESTED;
	after = *(__u16 *)ip;
	return bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), before, after, sizeof(before));
}

SEC("classifier")
int police(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	struct flow flow = {};
	int outcome;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return finish(skb, NOT_IPV4);
	if ((void *)(ip + 1) > end)
		return TC_ACT_SHOT;
	flow.source = ip->saddr;
	flow.destination = ip->daddr;
	flow.protocol = ip->protocol;
	if (!(ip->frag_off & bpf_htons(IP_OFFSET_MASK)) &&
	    (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP)) {
		__be16 *ports = (void *)ip + ip->ihl * 4;

		if ((void *)(ports + 2) > end)
			return TC_ACT_SHOT;
		flow.source_port = ports[0];
		flow.destination_port = ports[1];
	}

	outcome = charge(&flow, skb->len);
	if (outcome == MARKED && mark(skb) < 0)
		return TC_ACT_SHOT;
	skb->priority = outcome;
	return finish(skb, outcome);
}

char LICENSE[] SEC("license") = "GPL";
