// SPDX-License-Identifier: MIT
// Runs up to four XDP programs on each packet, one after another. Each slot is a global function that answers "nobody is
// here"; a filter takes the place of one by freplace, while packets go through.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SLOTS 4
/* What an empty slot answers: no XDP action. */
#define NOBODY 31

/* For each slot, the answers (as bits) after which the next one is asked. */
volatile const __u32 go_on[SLOTS] = {
	(1u << NOBODY) | (1 << XDP_PASS),
	(1u << NOBODY) | (1 << XDP_PASS),
	(1u << NOBODY) | (1 << XDP_PASS),
	(1u << NOBODY) | (1 << XDP_PASS),
};

#define SLOT(n)                                           \
	__attribute__((noinline)) int slot##n(struct xdp_md *ctx) \
	{                                                 \
		volatile int answer = NOBODY;             \
		if (!ctx)                                 \
			return XDP_ABORTED;               \
		return answer;                            \
	}

SLOT(0)
SLOT(1)
SLOT(2)
SLOT(3)

#define ASK(n)                                              \
	{                                                   \
		__u32 answer = slot##n(ctx);                \
		if (!(1u << (answer & 31) & go_on[n]))      \
			return answer;                      \
	}

SEC("xdp")
int dispatcher(struct xdp_md *ctx)
{
	ASK(0)
	ASK(1)
	ASK(2)
	ASK(3)
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
