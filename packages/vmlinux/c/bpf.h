/* SPDX-License-Identifier: MIT */
/* Structures of BPF itself: maps, and the kernel side of program contexts. */
#ifndef TSBPF_BPF_H
#define TSBPF_BPF_H
#include "net.h"
#include "tcp.h"

enum bpf_map_type { BPF_MAP_TYPE_UNSPEC };
struct bpf_map_ops;
struct btf;
struct bpf_map_memory {
	u32 pages;
	struct user_struct *user;
};
struct bpf_map {
	const struct bpf_map_ops *ops;
	struct bpf_map *inner_map_meta;
	void *security;
	enum bpf_map_type map_type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u32 map_flags;
	int spin_lock_off;
	u32 id;
	int numa_node;
	u32 btf_key_type_id;
	u32 btf_value_type_id;
	struct btf *btf;
	struct bpf_map_memory memory;
	char name[16];
	u32 btf_vmlinux_value_type_id;
	bool unpriv_array;
	bool frozen;
	atomic64_t refcnt;
	atomic64_t usercnt;
	u64 writecnt;
};
struct bpf_array_aux;
struct bpf_array {
	struct bpf_map map;
	u32 elem_size;
	u32 index_mask;
	struct bpf_array_aux *aux;
	union {
		char value[0] __attribute__((aligned(8)));
		void *ptrs[0] __attribute__((aligned(8)));
	};
};
struct bpf_lru_node {
	struct list_head list;
	u16 cpu;
	u8 type;
	u8 ref;
};
struct htab_elem {
	union {
		struct hlist_node hash_node;
		struct {
			void *padding;
			union {
				void *htab;
				struct htab_elem *batch_flink;
			};
		};
	};
	union {
		void *rcu_head;
		struct bpf_lru_node lru_node;
	};
	u32 hash;
	char key[0] __attribute__((aligned(8)));
};
struct bpf_spin_lock {
	__u32 val;
};
struct bpf_prog_aux {
	atomic64_t refcnt;
	u32 id;
	u32 func_cnt;
	char name[16];
};
struct bpf_prog {
	u16 pages;
	u16 jited : 1;
	u16 gpl_compatible : 1;
	u32 type;
	u32 expected_attach_type;
	u32 len;
	u32 jited_len;
	u8 tag[8];
	struct bpf_prog_aux *aux;
};

struct bpf_sock_addr_kern {
	struct sock *sk;
	struct sockaddr *uaddr;
	u64 tmp_reg;
	void *t_ctx;
};
struct bpf_sock_ops_kern {
	struct sock *sk;
	u32 op;
	union {
		u32 args[4];
		u32 reply;
		u32 replylong[4];
	};
	u32 is_fullsock;
	u64 temp;
};
struct bpf_cgroup_dev_ctx {
	u32 access_type;
	u32 major;
	u32 minor;
};
struct ctl_table;
struct ctl_table_header {
	struct ctl_table *ctl_table;
	int used;
	int count;
	int nreg;
};
struct ctl_table {
	const char *procname;
	void *data;
	int maxlen;
	umode_t mode;
};
struct bpf_sysctl_kern {
	struct ctl_table_header *head;
	struct ctl_table *table;
	void *cur_val;
	size_t cur_len;
	void *new_val;
	size_t new_len;
	int new_updated;
	int write;
	loff_t *ppos;
	u64 tmp_reg;
};
struct bpf_sockopt_kern {
	struct sock *sk;
	u8 *optval;
	u8 *optval_end;
	s32 level;
	s32 optname;
	s32 optlen;
	s32 retval;
};
struct sk_reuseport_kern {
	struct sk_buff *skb;
	struct sock *sk;
	struct sock *selected_sk;
	void *data_end;
	u32 hash;
	u32 reuseport_id;
	bool bind_inany;
};
struct bpf_flow_keys {
	__u16 nhoff;
	__u16 thoff;
	__u16 addr_proto;
	__u8 is_frag;
	__u8 is_first_frag;
	__u8 is_encap;
	__u8 ip_proto;
	__be16 n_proto;
	__be16 sport;
	__be16 dport;
	union {
		struct {
			__be32 ipv4_src;
			__be32 ipv4_dst;
		};
		struct {
			__u32 ipv6_src[4];
			__u32 ipv6_dst[4];
		};
	};
	__u32 flags;
	__be32 flow_label;
};
struct bpf_flow_dissector {
	struct bpf_flow_keys *flow_keys;
	const struct sk_buff *skb;
	void *data;
	void *data_end;
};
struct xdp_umem {
	u64 size;
	u32 headroom;
	u32 chunk_size_nohr;
};
struct xdp_sock {
	struct sock sk;
	void *rx;
	struct net_device *dev;
	struct xdp_umem *umem;
	u16 queue_id;
	bool zc;
};
struct perf_sample_data {
	u64 addr;
	void *raw;
	void *br_stack;
	u64 period;
	u64 weight;
	u64 txn;
	u64 ip;
	struct {
		u32 pid;
		u32 tid;
	} tid_entry;
	u64 time;
	u64 id;
};
struct perf_event {
	int state;
	atomic64_t count;
	u64 total_time_enabled;
	u64 total_time_running;
	int cpu;
};
struct bpf_perf_event_data_kern {
	bpf_user_pt_regs_t *regs;
	struct perf_sample_data *data;
	struct perf_event *event;
};

#endif
