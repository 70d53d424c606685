// SPDX-License-Identifier: MIT
#include "common.h"

extern struct {
	__uint(max_entries, 16);
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(value, struct sample);
	__type(key, int);
} shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, long);
} private_map SEC(".maps");

extern int LINUX_KERNEL_VERSION __kconfig;
extern const int tsbpf_not_there __ksym __weak;
extern int inside(int x);
extern int visible;

struct later {
	int deep;
};

int counter = 7;
const volatile enum mode mode = ON;
long big;
static char tail[3] = {1, 2, 3};

int policy(int x)
{
	return x * 7;
}

int optional(int x)
{
	return x - 1;
}

static __noinline int helper(int x)
{
	tail[x & 1]++;
	return tail[1];
}

static __noinline int helper2(int x)
{
	big++;
	return big + x;
}

__hidden int callee(int x, struct sample *sample)
{
	if (!sample)
		return 0;
	return sample->first + helper(x) + helper2(x) + inside(x);
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
	int key = 1;
	struct sample *sample = bpf_map_lookup_elem(&shared, &key);
	long *mine = bpf_map_lookup_elem(&private_map, &key);

	if (!sample || !mine)
		return XDP_DROP;
	bpf_printk("two %d", key);
	if (LINUX_KERNEL_VERSION > 5)
		counter++;
	if (&tsbpf_not_there)
		visible++;
	return callee(key, sample);
}

SEC("tc")
int third(struct __sk_buff *skb)
{
	return helper2(skb->len) + policy(2);
}

char _license[] SEC("license") = "GPL";
