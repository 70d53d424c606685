// SPDX-License-Identifier: MIT
// Programs that do what a map says and note what they saw: one for each hook that is compared.
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct config {
	__u32 verdict;
	__u32 flags;
	__u32 ip[4];
	__u32 port;
	__s32 optlen;
	__u32 level;
	__u32 optname;
	__u32 pos;
	__u32 text_len; /* less one */
	char text[32];
};

struct note {
	__u32 calls;
	__s32 seen[11];
	char name[32];
	char current[32];
	char fresh[32];
};

#define SET_VALUE 1
#define SET_POS 2
#define SET_OPTLEN 4
#define SET_OPTION 8
#define SET_RETVAL 16
#define SET_PORT 32
#define SMALL 64
#define BASE_NAME 128
#define BIND 256

#define AF_INET 2
#define AF_INET6 10

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct note);
} note SEC(".maps");

#define barrier() asm volatile("" ::: "memory")

#define BEGIN                                                   \
	__u32 key = 0;                                          \
	struct config *c = bpf_map_lookup_elem(&config, &key);  \
	struct note *n = bpf_map_lookup_elem(&note, &key);      \
	if (!c || !n)                                           \
		return 1;                                       \
	n->calls++;

SEC("cgroup/sysctl")
int sys(struct bpf_sysctl *ctx)
{
	BEGIN
	n->seen[0] = ctx->write;
	n->seen[1] = ctx->file_pos;
	if (c->flags & BASE_NAME)
		n->seen[2] = bpf_sysctl_get_name(ctx, n->name, 32, 1);
	else if (c->flags & SMALL)
		n->seen[2] = bpf_sysctl_get_name(ctx, n->name, 8, 0);
	else
		n->seen[2] = bpf_sysctl_get_name(ctx, n->name, 32, 0);
	if (c->flags & SMALL) {
		n->seen[3] = bpf_sysctl_get_current_value(ctx, n->current, 2);
		n->seen[4] = bpf_sysctl_get_new_value(ctx, n->fresh, 2);
	} else {
		n->seen[3] = bpf_sysctl_get_current_value(ctx, n->current, 32);
		n->seen[4] = bpf_sysctl_get_new_value(ctx, n->fresh, 32);
	}
	if (c->flags & SET_VALUE) {
		__u32 len = (c->text_len & 15) + 1;

		n->seen[5] = bpf_sysctl_set_new_value(ctx, c->text, len);
	}
	if (c->flags & SET_POS)
		ctx->file_pos = c->pos;
	return c->verdict & 1;
}

SEC("cgroup/setsockopt")
int setopt(struct bpf_sockopt *ctx)
{
	char *value = ctx->optval;

	BEGIN
	n->seen[0] = ctx->level;
	n->seen[1] = ctx->optname;
	n->seen[2] = ctx->optlen;
	n->seen[3] = ctx->optval_end - ctx->optval;
	if ((void *)(value + 4) <= ctx->optval_end) {
		n->seen[4] = *(__u32 *)value;
		if (c->flags & SET_VALUE)
			*(__u32 *)value = c->ip[0];
		barrier();
	}
	if (c->flags & SET_OPTLEN) {
		ctx->optlen = c->optlen;
		barrier();
	}
	if (c->flags & SET_OPTION) {
		ctx->level = c->level;
		barrier();
		ctx->optname = c->optname;
		barrier();
	}
	return c->verdict & 1;
}

SEC("cgroup/getsockopt")
int getopt(struct bpf_sockopt *ctx)
{
	char *value = ctx->optval;

	BEGIN
	n->seen[0] = ctx->level;
	n->seen[1] = ctx->optname;
	n->seen[2] = ctx->optlen;
	n->seen[3] = ctx->optval_end - ctx->optval;
	n->seen[4] = ctx->retval;
	if ((void *)(value + 4) <= ctx->optval_end) {
		n->seen[5] = *(__u32 *)value;
		if (c->flags & SET_VALUE)
			*(__u32 *)value = c->ip[0];
		barrier();
	}
	if (c->flags & SET_OPTLEN) {
		ctx->optlen = c->optlen;
		barrier();
	}
	if (c->flags & SET_RETVAL) {
		ctx->retval = 0;
		barrier();
	}
	return c->verdict & 1;
}

static __always_inline void look(struct bpf_sock_addr *ctx, struct note *n)
{
	n->seen[0] = ctx->user_family;
	n->seen[1] = ctx->user_port;
	n->seen[2] = ctx->family;
	n->seen[3] = ctx->type;
	n->seen[4] = ctx->protocol;
}

/* Binds to the configured address, and tries to with too short a one. */
static __always_inline void bind_first(struct bpf_sock_addr *ctx, struct config *c, struct note *n, int v4)
{
	if (!(c->flags & BIND))
		return;
	if (v4) {
		struct sockaddr_in sa = {};

		sa.sin_family = AF_INET;
		sa.sin_addr.s_addr = c->ip[0];
		sa.sin_port = c->port;
		n->seen[9] = bpf_bind(ctx, (void *)&sa, sizeof(sa));
		n->seen[10] = bpf_bind(ctx, (void *)&sa, 8);
	} else {
		struct sockaddr_in6 sa = {};

		sa.sin6_family = AF_INET6;
		sa.sin6_addr.s6_addr32[0] = c->ip[0];
		sa.sin6_addr.s6_addr32[1] = c->ip[1];
		sa.sin6_addr.s6_addr32[2] = c->ip[2];
		sa.sin6_addr.s6_addr32[3] = c->ip[3];
		sa.sin6_port = c->port;
		n->seen[9] = bpf_bind(ctx, (void *)&sa, sizeof(sa));
		n->seen[10] = bpf_bind(ctx, (void *)&sa, 20);
	}
}

#define ADDR4(section, fn, result, more)                     \
	SEC(section) int fn(struct bpf_sock_addr *ctx) \
	{                                              \
		BEGIN                                  \
		look(ctx, n);                          \
		n->seen[5] = ctx->user_ip4;            \
		if (c->flags & SET_VALUE)              \
			ctx->user_ip4 = c->ip[0];      \
		if (c->flags & SET_PORT)               \
			ctx->user_port = c->port;      \
		more;                                  \
		return result;                         \
	}

#define ADDR6(section, fn, result, more)                   \
	SEC(section) int fn(struct bpf_sock_addr *ctx) \
	{                                              \
		BEGIN                                  \
		look(ctx, n);                          \
		n->seen[5] = ctx->user_ip6[0];         \
		n->seen[6] = ctx->user_ip6[1];         \
		n->seen[7] = ctx->user_ip6[2];         \
		n->seen[8] = ctx->user_ip6[3];         \
		if (c->flags & SET_VALUE) {            \
			ctx->user_ip6[0] = c->ip[0];   \
			ctx->user_ip6[1] = c->ip[1];   \
			ctx->user_ip6[2] = c->ip[2];   \
			ctx->user_ip6[3] = c->ip[3];   \
		}                                      \
		if (c->flags & SET_PORT)               \
			ctx->user_port = c->port;      \
		more;                                  \
		return result;                         \
	}

ADDR4("cgroup/bind4", bind4, c->verdict & 1, )
ADDR4("cgroup/connect4", connect4, c->verdict & 1, bind_first(ctx, c, n, 4 == 4))
ADDR4("cgroup/sendmsg4", sendmsg4, c->verdict & 1, )
ADDR4("cgroup/recvmsg4", recvmsg4, 1, )
ADDR6("cgroup/bind6", bind6, c->verdict & 1, )
ADDR6("cgroup/connect6", connect6, c->verdict & 1, bind_first(ctx, c, n, 6 == 4))
ADDR6("cgroup/sendmsg6", sendmsg6, c->verdict & 1, )
ADDR6("cgroup/recvmsg6", recvmsg6, 1, )

SEC("cgroup/sock_create")
int create(struct bpf_sock *ctx)
{
	BEGIN
	n->seen[0] = ctx->family;
	n->seen[1] = ctx->type;
	n->seen[2] = ctx->protocol;
	if (c->flags & SET_VALUE)
		ctx->mark = c->ip[0];
	return c->verdict & 1;
}

SEC("cgroup/post_bind4")
int post4(struct bpf_sock *ctx)
{
	BEGIN
	n->seen[0] = ctx->src_ip4;
	n->seen[1] = ctx->src_port;
	return c->verdict & 1;
}

SEC("cgroup/post_bind6")
int post6(struct bpf_sock *ctx)
{
	BEGIN
	n->seen[0] = ctx->src_ip6[3];
	n->seen[1] = ctx->src_port;
	return c->verdict & 1;
}

SEC("cgroup/dev")
int dev(struct bpf_cgroup_dev_ctx *ctx)
{
	BEGIN
	n->seen[0] = ctx->access_type;
	n->seen[1] = ctx->major;
	n->seen[2] = ctx->minor;
	return c->verdict & 1;
}

/* Storages of the two packet programs: one shared, one for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, __u64);
} shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, __u64);
} percpu SEC(".maps");

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	__u64 *times;

	BEGIN
	times = bpf_get_local_storage(&shared, 0);
	n->seen[0] = skb->len;
	n->seen[1] = skb->protocol;
	n->seen[2] = skb->mark;
	n->seen[3] = skb->cb[1];
	n->seen[4] = *times;
	*times += skb->len;
	skb->cb[1] = 77;
	skb->mark = 9;
	return c->verdict & 3;
}

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *skb)
{
	__u64 *times;

	BEGIN
	times = bpf_get_local_storage(&percpu, 0);
	*times += 1;
	n->seen[5] = skb->len;
	n->seen[6] = skb->cb[1];
	n->seen[7] = skb->local_port;
	n->seen[8] = bpf_ntohl(skb->remote_port);
	n->seen[9] = skb->family;
	skb->cb[1] = 78;
	return (c->verdict >> 2) & 1;
}

/* TCP events in the order they came: what they are, of which socket, and what it had received by then. */
struct event {
	__u32 op;
	__u32 args[2];
	__u32 state;
	__u32 full;
	__u32 family;
	__u32 local_port; /* 0 where the kernel chose it */
	__u32 received;
	__u32 segments;
	__s32 flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 48);
	__type(key, __u32);
	__type(value, struct event);
} event_log SEC(".maps");

SEC("sockops")
int events(struct bpf_sock_ops *ctx)
{
	struct event *e;
	__u32 at;

	BEGIN
	at = n->calls - 1;
	e = bpf_map_lookup_elem(&event_log, &at);
	if (!e)
		return 1;
	e->op = ctx->op;
	/* Later kernels say how long a round trip took. */
	if (ctx->op != 12) {
		e->args[0] = ctx->args[0];
		e->args[1] = ctx->args[1];
	}
	e->state = ctx->state;
	e->full = ctx->is_fullsock;
	e->family = ctx->family;
	e->local_port = ctx->local_port < 32768 ? ctx->local_port : 0;
	e->received = ctx->bytes_received;
	e->segments = ctx->data_segs_in;
	if (c->flags & SET_POS)
		e->flags = bpf_sock_ops_cb_flags_set(ctx, c->pos);
	return c->verdict & 1;
}

/* Sets an option when a connection is there, and reads it. */
SEC("sockops")
int options(struct bpf_sock_ops *ctx)
{
	__u32 len;

	BEGIN
	/* Of those with a connection, the one that called. */
	if (ctx->op != 4 && !(ctx->op == 3 && c->pos == 3))
		return 1;
	len = (c->text_len & 15) + 1;
	n->seen[0] = bpf_setsockopt(ctx, c->level, c->optname, c->text, len);
	n->seen[1] = bpf_getsockopt(ctx, c->level, c->optname, n->name, len);
	n->seen[2] = ctx->snd_cwnd;
	n->seen[3] = ctx->snd_ssthresh;
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
