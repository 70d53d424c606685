// SPDX-License-Identifier: MIT
// A router of two ports: what comes in by one goes out by the other, with one hop less. A classifier at each way out
// counts bytes.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} other_port SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} bytes_out SEC(".maps");

SEC("xdp")
int forward(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 check;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->ttl <= 1)
		return XDP_DROP;
	check = ip->check + bpf_htons(0x0100);
	ip->check = check + (check >= 0xffff);
	ip->ttl--;
	return bpf_redirect_map(&other_port, ctx->ingress_ifindex, XDP_DROP);
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = skb->ifindex;
	__u64 len = skb->len;
	__u64 *sum = bpf_map_lookup_elem(&bytes_out, &key);

	if (sum)
		__sync_fetch_and_add(sum, len);
	else
		bpf_map_update_elem(&bytes_out, &key, &len, BPF_ANY);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
