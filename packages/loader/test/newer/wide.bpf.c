// SPDX-License-Identifier: MIT
// Compiled for -mcpu=v4: loads with sign, signed division, byte swaps, which Linux 6.6 has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int numbers[2] = {-8, 2};
int result;

SEC("xdp")
int wide(struct xdp_md *ctx)
{
	int a = numbers[0], b = numbers[1];

	result = b ? a / b : 0;
	return result == -4 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
