// SPDX-License-Identifier: MIT
// What the kernel or its configuration gives, and what it does not.
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_TSBPF_NOT_THERE __kconfig __weak;
extern int CONFIG_HZ __kconfig __weak;
extern const void tsbpf_no_such_symbol __ksym __weak;
extern int tsbpf_no_such_function(int x) __ksym __weak;

int version;
int hz;

SEC("xdp")
int externs(struct xdp_md *ctx)
{
	version = LINUX_KERNEL_VERSION;
	hz = CONFIG_TSBPF_NOT_THERE ? 1 : CONFIG_HZ;
	if (&tsbpf_no_such_symbol)
		hz = 0;
	if (tsbpf_no_such_function)
		return tsbpf_no_such_function(hz);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
