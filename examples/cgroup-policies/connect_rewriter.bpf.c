// SPDX-License-Identifier: MIT
// A service address for a container: connections to 10.96.0.1:80 go to a backend, everything to port 25 is refused.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct backend {
	__be32 ip;
	__be16 port;
	__be16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct backend);
	__type(value, struct backend);
} services SEC(".maps");

SEC("cgroup/connect4")
int rewrite(struct bpf_sock_addr *ctx)
{
	struct backend service = { .ip = ctx->user_ip4, .port = ctx->user_port };
	struct backend *to;

	if (service.port == bpf_htons(25))
		return 0;
	to = bpf_map_lookup_elem(&services, &service);
	if (to) {
		ctx->user_ip4 = to->ip;
		ctx->user_port = to->port;
	}
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
