// SPDX-License-Identifier: MIT
// A filter for a socket that listens to a network: all of what is DNS, the headers of other UDP and TCP, nothing else.
// It reads packets with the instructions that classic BPF had: LD_ABS at a fixed place, LD_IND at a computed one.
// Where a packet ends before that place, Linux ends the program with 0, so that there are no bounds to check.
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DNS_PORT 53
#define ALL 0xffff
#define IP_OFFSET_MASK 0x1fff
#define IPV6_HEADER 40
#define TCP_HEADER 20
#define UDP_HEADER 8

/* Values come in host byte order. */
unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

/* A place in the network header, wherever the socket's packets begin. */
#define NET(off) ((unsigned long long)(SKF_NET_OFF + (off)))

/* Packets by IP protocol. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} protocols SEC(".maps");

/* Questions by their id: the last one wins. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u16);
	__type(value, __u32);
} questions SEC(".maps");

static __always_inline void count(__u32 protocol)
{
	__u64 *value = bpf_map_lookup_elem(&protocols, &protocol);

	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline int transport(struct __sk_buff *skb, __u32 protocol, __u32 header, __u32 source)
{
	unsigned long long at = NET(0) + header;
	__u16 id;

	count(protocol);
	/* How much to keep, from where a packet socket's packets begin. */
	if (protocol == IPPROTO_TCP)
		return ETH_HLEN + header + TCP_HEADER;
	if (protocol != IPPROTO_UDP)
		return 0;
	if (load_half(skb, at) != DNS_PORT && load_half(skb, at + 2) != DNS_PORT)
		return ETH_HLEN + header + UDP_HEADER;
	id = load_half(skb, at + UDP_HEADER);
	bpf_map_update_elem(&questions, &id, &source, BPF_ANY);
	return ALL;
}

SEC("socket")
int dns_tap(struct __sk_buff *skb)
{
	__u32 protocol;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (load_half(skb, NET(6)) & IP_OFFSET_MASK)
			return 0;
		protocol = load_byte(skb, NET(9));
		return transport(skb, protocol, (load_byte(skb, NET(0)) & 0xf) * 4, load_word(skb, NET(12)));
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		protocol = load_byte(skb, NET(6));
		return transport(skb, protocol, IPV6_HEADER, load_word(skb, NET(20)));
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
