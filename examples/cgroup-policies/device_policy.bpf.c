// SPDX-License-Identifier: MIT
// What a container runtime allows: null, zero, full, random, urandom, tty, ptmx; making nodes of anything; no disks.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/dev")
int policy(struct bpf_cgroup_dev_ctx *ctx)
{
	__u32 type = ctx->access_type & 0xffff;
	__u32 access = ctx->access_type >> 16;

	if (access == BPF_DEVCG_ACC_MKNOD)
		return 1;
	if (type != BPF_DEVCG_DEV_CHAR)
		return 0;
	if (ctx->major == 1)
		return ctx->minor == 3 || ctx->minor == 5 || ctx->minor == 7 || ctx->minor == 8 || ctx->minor == 9;
	return ctx->major == 5 && (ctx->minor == 0 || ctx->minor == 2);
}

char LICENSE[] SEC("license") = "GPL";
