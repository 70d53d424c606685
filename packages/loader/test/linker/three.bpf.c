// SPDX-License-Identifier: MIT
// Sections that the others lack, a map of maps, a weak definition that loses, programs that maps hold.
#include "common.h"

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
} inner_a SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(int));
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = {[1] = &inner_a},
};

extern int counter;
extern int callee(int x, struct sample *sample);
int ticks SEC(".data.ticks") = 9;

__weak int policy(int x)
{
	return x - 100;
}

SEC("tc")
int fourth(struct __sk_buff *skb)
{
	int key = 0;
	void *map = bpf_map_lookup_elem(&outer, &key);

	ticks++;
	counter++;
	if (!map)
		return 0;
	bpf_map_lookup_elem(map, &key);
	return policy(skb->len) + callee(skb->mark, 0);
}

SEC("?socket")
int fifth(struct __sk_buff *skb)
{
	return ticks;
}

char _license[] SEC("license") = "GPL";
