// SPDX-License-Identifier: MIT
// A section of data that has a variable and no bytes: libbpf refuses to open it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct nothing {
};
const volatile struct nothing nothing SEC(".rodata");

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return &nothing ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
