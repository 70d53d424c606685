// SPDX-License-Identifier: MIT
// Instructions of -mcpu=v3 that came with Linux 5.12; the add without a result is as old as BPF.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 counter;
__u64 last;

SEC("xdp")
int add_only(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&counter, 1);
	return XDP_PASS;
}

#ifdef FETCH
SEC("xdp")
int fetch(struct xdp_md *ctx)
{
	last = __sync_fetch_and_add(&counter, 1);
	return XDP_PASS;
}
#endif

char _license[] SEC("license") = "GPL";
