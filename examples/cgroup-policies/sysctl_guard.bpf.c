// SPDX-License-Identifier: MIT
// Guards sysctls of a container: notes who writes ip_forward and, past a number of warnings, denies it; keeps somaxconn
// below a limit by writing the limit instead.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct attempt {
	__u64 cgroup_id;
	__u32 uid;
	__u32 denied;
	char value[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct attempt);
} attempts SEC(".maps");

/* How many attempts are noted only. */
const volatile __u32 warnings = 2;
const volatile __u64 max_backlog = 1024;

__u32 count = 0;

static __always_inline int is(const char *name, const char *want, int len)
{
	int i;

#pragma unroll
	for (i = 0; i < len; i++)
		if (name[i] != want[i])
			return 0;
	return 1;
}

static __always_inline int forward(struct bpf_sysctl *ctx)
{
	__u32 nth = count;
	struct attempt *a = bpf_map_lookup_elem(&attempts, &nth);

	count = nth + 1;
	if (a) {
		a->cgroup_id = bpf_get_current_cgroup_id();
		a->uid = bpf_get_current_uid_gid();
		a->denied = nth >= warnings;
		bpf_sysctl_get_new_value(ctx, a->value, sizeof(a->value));
	}
	return nth < warnings;
}

static __always_inline int backlog(struct bpf_sysctl *ctx)
{
	char text[24] = {};
	unsigned long value = 0;
	long len = bpf_sysctl_get_new_value(ctx, text, sizeof(text));

	if (len < 0 || bpf_strtoul(text, sizeof(text), 10, &value) <= 0)
		return 0;
	if (value > max_backlog)
		bpf_sysctl_set_new_value(ctx, "1024", 4);
	return 1;
}

SEC("cgroup/sysctl")
int guard(struct bpf_sysctl *ctx)
{
	char name[32] = {};

	if (!ctx->write)
		return 1;
	if (bpf_sysctl_get_name(ctx, name, sizeof(name), 0) < 0)
		return 1;
	if (is(name, "net/ipv4/ip_forward", sizeof("net/ipv4/ip_forward")))
		return forward(ctx);
	if (is(name, "net/core/somaxconn", sizeof("net/core/somaxconn")))
		return backlog(ctx);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
