// SPDX-License-Identifier: MIT
// What engines are measured with: arithmetic, memory, packets, maps, helpers, calls. All are XDP programs, so that the
// running kernel measures the same bytes with BPF_PROG_TEST_RUN. Loops are such that verifiers since v5.3 end.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* Hides a value from the compiler. */
#define OPAQUE(x) asm volatile("" : "+r"(x))

struct counter {
	u64 packets;
	u64 bytes;
};

struct flow_key {
	u32 src;
	u32 dst;
	u16 sport;
	u16 dport;
	u32 proto;
};

struct prefix {
	u32 len;
	u32 addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct counter);
} protocols SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow_key);
	__type(value, struct counter);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, u64);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u8[1536]);
} buffer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} hops SEC(".maps");

/* Zeroes, which neither compiler nor verifier knows. */
volatile u64 zero64;
volatile u32 zero;
u8 composite[512] __attribute__((aligned(8)));

struct headers {
	u32 src;
	u32 dst;
	u16 sport;
	u16 dport;
	u8 proto;
	u32 len;
};

/* Ethernet, IPv4 without options, UDP. */
static __always_inline int parse(struct xdp_md *ctx, struct headers *h)
{
	u8 *data = (u8 *)(long)ctx->data;
	u8 *end = (u8 *)(long)ctx->data_end;

	if (data + 14 > end)
		return -1;
	if (*(u16 *)(data + 12) != 8)
		return -1;
	if (data + 34 > end)
		return -1;
	if ((data[14] >> 4) != 4 || (data[14] & 15) != 5)
		return -1;
	if (*(u16 *)(data + 20) & 0xff3f)
		return -1;
	h->proto = data[23];
	h->src = *(u32 *)(data + 26);
	h->dst = *(u32 *)(data + 30);
	if (h->proto != 17)
		return -1;
	if (data + 42 > end)
		return -1;
	h->sport = *(u16 *)(data + 34);
	h->dport = *(u16 *)(data + 36);
	h->len = end - data;
	return 0;
}

SEC("xdp")
int trivial(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int alu64(struct xdp_md *ctx)
{
	u64 x = zero + 1, golden = 0x9e3779b97f4a7c15ULL;

	for (u32 i = 0; i < 10000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		x = ((x + golden) * golden | 1) - i;
	}
	return x >> 33;
}

SEC("xdp")
int alu32(struct xdp_md *ctx)
{
	u32 x = zero + 1;

	for (u32 i = 0; i < 10000; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		x = (x + 77) * 1664525 + 1013904223;
		x ^= i;
		x = x << 7 | x >> 25;
	}
	return x;
}

SEC("xdp")
int collatz(struct xdp_md *ctx)
{
	/* The verifier forgets what numbers can be by an exclusive or with what it does not know. */
	u64 nothing = zero64, x = 871 ^ nothing, next = x, steps = nothing;

	for (u32 i = 0; i < 920; i++) {
		if (x == 1)
			x = next = (next + 1) ^ nothing;
		else if (x & 1)
			x = 3 * x + 1;
		else
			x >>= 1;
		x ^= nothing;
		steps = (steps + (x & 3)) ^ nothing;
	}
	return steps;
}

SEC("xdp")
int sieve(struct xdp_md *ctx)
{
	u32 primes = 0;

	for (u32 i = 0; i < 512; i += 8) {
		*(u64 *)&composite[i] = 0;
		OPAQUE(i);
	}
	for (u32 i = 2; i < 512; i++) {
		if (composite[i])
			continue;
		primes++;
		for (u32 k = 2 * i; k < 512; k += i)
			composite[k] = 1;
	}
	return primes;
}

SEC("xdp")
int csum(struct xdp_md *ctx)
{
	u16 *word = (u16 *)(long)ctx->data;
	u16 *end = (u16 *)(long)ctx->data_end;
	u64 sum = 0;

	for (u32 i = 0; i < 750; i++) {
		if (word + 1 > end)
			break;
		sum += *word++;
		OPAQUE(word);
	}
	return (sum & 0xffff) + (sum >> 16);
}

SEC("xdp")
int memcpy8(struct xdp_md *ctx)
{
	u64 *word = (u64 *)(long)ctx->data;
	u64 *end = (u64 *)(long)ctx->data_end;
	u32 key = 0;
	u8 *to = bpf_map_lookup_elem(&buffer, &key);

	if (!to)
		return XDP_DROP;
	for (u32 i = 0; i < 186; i++) {
		if (word + 1 > end)
			break;
		*(u64 *)(to + 8 * i) = *word++;
		OPAQUE(word);
	}
	return XDP_PASS;
}

SEC("xdp")
int xdpcnt(struct xdp_md *ctx)
{
	struct headers h;
	struct counter *counter;
	u32 key;

	if (parse(ctx, &h))
		return XDP_DROP;
	key = h.proto;
	counter = bpf_map_lookup_elem(&protocols, &key);
	if (!counter)
		return XDP_DROP;
	counter->packets++;
	counter->bytes += h.len;
	return XDP_PASS;
}

SEC("xdp")
int xdpcnt_atomic(struct xdp_md *ctx)
{
	struct headers h;
	struct counter *counter;
	u32 key;

	if (parse(ctx, &h))
		return XDP_DROP;
	key = h.proto;
	counter = bpf_map_lookup_elem(&protocols, &key);
	if (!counter)
		return XDP_DROP;
	__sync_fetch_and_add(&counter->packets, 1);
	__sync_fetch_and_add(&counter->bytes, h.len);
	return XDP_PASS;
}

static __always_inline void key_of(struct flow_key *key, const struct headers *h)
{
	key->src = h->src;
	key->dst = h->dst;
	key->sport = h->sport;
	key->dport = h->dport;
	key->proto = h->proto;
}

SEC("xdp")
int flow(struct xdp_md *ctx)
{
	struct headers h;
	struct flow_key key;
	struct counter *counter;

	if (parse(ctx, &h))
		return XDP_DROP;
	key_of(&key, &h);
	counter = bpf_map_lookup_elem(&flows, &key);
	if (!counter)
		return XDP_DROP;
	counter->packets++;
	counter->bytes += h.len;
	return XDP_PASS;
}

SEC("xdp")
int flow_upd(struct xdp_md *ctx)
{
	struct headers h;
	struct flow_key key;
	struct counter *counter, next = {};

	if (parse(ctx, &h))
		return XDP_DROP;
	key_of(&key, &h);
	counter = bpf_map_lookup_elem(&flows, &key);
	if (counter)
		next = *counter;
	next.packets++;
	next.bytes += h.len;
	if (bpf_map_update_elem(&flows, &key, &next, BPF_ANY))
		return XDP_DROP;
	return XDP_PASS;
}

SEC("xdp")
int lpm(struct xdp_md *ctx)
{
	struct headers h;
	struct prefix key;
	u64 *hits;

	if (parse(ctx, &h))
		return XDP_DROP;
	key.len = 32;
	key.addr = h.dst;
	hits = bpf_map_lookup_elem(&routes, &key);
	if (!hits)
		return XDP_DROP;
	++*hits;
	return XDP_PASS;
}

SEC("xdp")
int helper1000(struct xdp_md *ctx)
{
	u32 x = zero;

	for (u32 i = 0; i < 1000; i++) {
		/* The processor, which is not always the same. */
		x = (x | (bpf_get_smp_processor_id() >> 16)) + 3;
		x ^= i;
	}
	return x;
}

static __noinline u64 mix(u64 a, u64 b)
{
	return (a * 31 ^ b) + 7;
}

SEC("xdp")
int call1000(struct xdp_md *ctx)
{
	u64 x = zero + 1;

	for (u32 i = 0; i < 1000; i++)
		x = mix(x, i);
	return x >> 1;
}

int tail32(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__array(values, int(struct xdp_md *));
} progs SEC(".maps") = {
	.values = { (void *)&tail32 },
};

/* Calls itself, as often as the kernel lets it: 33 times. */
SEC("xdp")
int tail32(struct xdp_md *ctx)
{
	u32 key = 0;
	u64 *count = bpf_map_lookup_elem(&hops, &key);

	if (count)
		++*count;
	bpf_tail_call(ctx, &progs, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
