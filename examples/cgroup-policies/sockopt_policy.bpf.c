// SPDX-License-Identifier: MIT
// Limits SO_SNDBUF, hides SO_MARK, answers an option the kernel does not have, and swallows TCP_CONGESTION.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Keeps clang from merging stores (two fields into one, or the option's with the context's), which v5.6 would refuse. */
#define barrier() asm volatile("" ::: "memory")

#define SOL_SOCKET 1
#define SO_SNDBUF 7
#define SO_MARK 36
#define SOL_TCP 6
#define TCP_CONGESTION 13
#define SOL_POLICY 0xc0de

const volatile __u32 max_sndbuf = 65536;

/* How often each cgroup's sockets asked for too much. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, __u64);
} capped SEC(".maps");

SEC("cgroup/setsockopt")
int limit(struct bpf_sockopt *ctx)
{
	__u32 *value = ctx->optval;

	if (ctx->level == SOL_SOCKET && ctx->optname == SO_SNDBUF) {
		if ((void *)(value + 1) > ctx->optval_end)
			return 0;
		if (*value > max_sndbuf) {
			__u64 *times = bpf_get_local_storage(&capped, 0);

			__sync_fetch_and_add(times, 1);
			*value = max_sndbuf;
		}
		return 1;
	}
	if (ctx->level == SOL_SOCKET && ctx->optname == SO_MARK)
		return 0;
	if (ctx->level == SOL_TCP && ctx->optname == TCP_CONGESTION)
		ctx->optlen = -1; /* say yes, do nothing */
	return 1;
}

SEC("cgroup/getsockopt")
int hide(struct bpf_sockopt *ctx)
{
	__u32 *value = ctx->optval;

	if (ctx->level == SOL_SOCKET && ctx->optname == SO_MARK) {
		if ((void *)(value + 1) > ctx->optval_end)
			return 0;
		*value = 0;
		barrier();
		return 1;
	}
	if (ctx->level == SOL_POLICY) {
		if ((void *)(value + 1) > ctx->optval_end)
			return 0;
		*value = max_sndbuf;
		ctx->optlen = 4;
		barrier();
		ctx->retval = 0;
		barrier();
	}
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
