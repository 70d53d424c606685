// SPDX-License-Identifier: MIT
// A counter for each socket, kept with the socket and in a hash by its cookie: what the commit that introduced
// BPF_MAP_TYPE_SK_STORAGE compared.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

typedef unsigned long long u64;

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} with_socket SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, u64);
} by_cookie SEC(".maps");

SEC("cgroup_skb/egress")
int sk_storage(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	u64 *count;

	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	count = bpf_sk_storage_get(&with_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (count)
		++*count;
	return 1;
}

SEC("cgroup_skb/egress")
int cookie_hash(struct __sk_buff *skb)
{
	u64 cookie = bpf_get_socket_cookie(skb), one = 1;
	u64 *count = bpf_map_lookup_elem(&by_cookie, &cookie);

	if (count)
		++*count;
	else
		bpf_map_update_elem(&by_cookie, &cookie, &one, BPF_NOEXIST);
	return 1;
}

char _license[] SEC("license") = "Dual MIT/GPL";
