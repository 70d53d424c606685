// SPDX-License-Identifier: MIT
// Watches a running XDP program from outside: what came in, and what became of it. Linux 5.6 has no helper that adds a
// packet's bytes to an event for such programs (bpf_xdp_output came with 5.7), so they are copied first.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SNAP 64

/* The kernel's own structures, as far as they matter; the loader finds the members' places. */
struct net_device {
	int ifindex;
} __attribute__((preserve_access_index));
struct xdp_rxq_info {
	struct net_device *dev;
} __attribute__((preserve_access_index));
struct xdp_buff {
	void *data;
	void *data_end;
	struct xdp_rxq_info *rxq;
} __attribute__((preserve_access_index));

struct report {
	__u32 leaving; /* 0 for fentry, 1 for fexit */
	__s32 action;
	__u32 ifindex;
	__u32 length;
	__u8 head[SNAP];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} reports SEC(".maps");

static __always_inline int tell(void *ctx, struct xdp_buff *xdp, struct report *to)
{
	void *data = xdp->data;
	__u64 length = xdp->data_end - data;
	__u64 take = length < SNAP ? length : SNAP;

	to->ifindex = xdp->rxq->dev->ifindex;
	to->length = length;
	if (bpf_probe_read_kernel(to->head, take & 127 ? take & 127 : 1, data))
		return 1;
	return bpf_perf_event_output(ctx, &reports, BPF_F_CURRENT_CPU, to, sizeof(*to));
}

SEC("fentry/dispatcher")
int BPF_PROG(entering, struct xdp_buff *xdp)
{
	struct report report = {};

	return tell(ctx, xdp, &report);
}

SEC("fexit/dispatcher")
int BPF_PROG(leaving, struct xdp_buff *xdp, int action)
{
	struct report report = { .leaving = 1, .action = action };

	return tell(ctx, xdp, &report);
}

char _license[] SEC("license") = "GPL";
