// SPDX-License-Identifier: MIT
// Types that Linux 5.6 does not know: 64-bit and signed enums, floats, tags.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#if __has_attribute(btf_decl_tag)
#define __decl(x) __attribute__((btf_decl_tag(x)))
#else
#define __decl(x)
#endif
#if __has_attribute(btf_type_tag)
#define __type_tag(x) __attribute__((btf_type_tag(x)))
#else
#define __type_tag(x)
#endif

enum wide { WIDE_ZERO, WIDE_HIGH = 0x8000000000000000ULL };
enum below { BELOW = -5, ABOVE = 5 };

struct measured {
	float ratio;
	double precise;
	enum below sign;
	__u64 count __decl("counted");
	__u32 __type_tag("user") * where;
} __decl("measured");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct measured);
} measures SEC(".maps");

enum wide wide = WIDE_HIGH;
enum below below = BELOW;
const volatile float ratio = 1.5f;
static volatile __u32 seen __decl("static");

__noinline int global_fn(int x __decl("argument")) __decl("function");
__noinline int global_fn(int x)
{
	return x + below;
}

static __noinline int static_fn(int x)
{
	seen += x;
	return seen;
}

SEC("xdp")
int types(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct measured *measured = bpf_map_lookup_elem(&measures, &key);

	if (!measured)
		return XDP_ABORTED;
	measured->count += (wide == WIDE_HIGH) + global_fn(1);
	return static_fn(2) > 100 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
