// SPDX-License-Identifier: MIT
// Uses what the other files define, and has statics of the same names.
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, struct sample);
} shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
} weak_map __weak SEC(".maps");

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern const int tsbpf_not_there __ksym __weak;
extern int counter;
extern const volatile enum mode mode;
extern int callee(int x, struct sample *sample);
extern int optional(int x) __weak;

int visible = 5;
static int local_state;
static int table[4] = {1, 2, 3, 4};
const volatile char text[] = "hello";

__weak int policy(int x)
{
	return x + 1;
}

__hidden int inside(int x)
{
	return x ^ 3;
}

static __noinline int helper(int x)
{
	local_state += x + table[x & 3];
	return local_state;
}

SEC("xdp")
int first(struct xdp_md *ctx)
{
	int key = 1;
	struct sample *sample = bpf_map_lookup_elem(&shared, &key);
	int *weak = bpf_map_lookup_elem(&weak_map, &key);

	if (!sample || !weak)
		return XDP_PASS;
	counter += visible + mode;
	if (CONFIG_BPF_SYSCALL && LINUX_KERNEL_VERSION > 5)
		counter++;
	if (&tsbpf_not_there)
		counter += text[visible & 3];
	bpf_printk("one %d", key);
	return helper(key) + callee(3, sample) + policy(1) + inside(3) + optional(1);
}

char _license[] SEC("license") = "GPL";
