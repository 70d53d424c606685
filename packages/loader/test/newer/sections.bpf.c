// SPDX-License-Identifier: MIT
// Maps of sections: each of the names that data may have, and one that holds nothing.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int data = 1;
int zero;
const volatile int constant = 3;
int custom_data SEC(".data.custom") = 4;
const volatile int custom_rodata SEC(".rodata.custom") = 5;
int custom_bss SEC(".bss.custom");

SEC("xdp")
int sections(struct xdp_md *ctx)
{
	char text[] = "some text that becomes a constant";

	zero = data + constant + custom_data + custom_rodata + custom_bss++;
	bpf_trace_printk(text, sizeof(text));
	return zero == 13 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
