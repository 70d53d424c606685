/* SPDX-License-Identifier: MIT */
/* Packets, devices and sockets. */
#ifndef TSBPF_NET_H
#define TSBPF_NET_H
#include "base.h"
#include "task.h"

typedef struct {
	struct net *net;
} possible_net_t;
struct net {
	refcount_t passive;
	refcount_t count;
	unsigned int ifindex;
	struct user_namespace *user_ns;
	struct ns_common ns;
	atomic64_t net_cookie;
};
struct net_device_stats {
	unsigned long rx_packets;
	unsigned long tx_packets;
	unsigned long rx_bytes;
	unsigned long tx_bytes;
	unsigned long rx_errors;
	unsigned long tx_errors;
	unsigned long rx_dropped;
	unsigned long tx_dropped;
};
struct bpf_prog;
struct net_device {
	char name[16];
	unsigned long mem_end;
	unsigned long mem_start;
	int irq;
	unsigned long state;
	netdev_features_t features;
	int ifindex;
	int group;
	struct net_device_stats stats;
	unsigned int flags;
	unsigned int priv_flags;
	unsigned int mtu;
	unsigned int min_mtu;
	unsigned int max_mtu;
	unsigned short type;
	unsigned short hard_header_len;
	unsigned char min_header_len;
	unsigned char perm_addr[32];
	unsigned char addr_len;
	unsigned char *dev_addr;
	unsigned int num_rx_queues;
	unsigned int num_tx_queues;
	struct bpf_prog *xdp_prog;
	possible_net_t nd_net;
	struct dev_ifalias *ifalias;
};
struct dev_ifalias {
	struct callback_head rcuhead;
	char ifalias[];
};

struct skb_shared_hwtstamps {
	ktime_t hwtstamp;
};
struct sk_buff;
typedef struct bio_vec {
	void *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
} skb_frag_t;
struct skb_shared_info {
	__u8 __unused;
	__u8 meta_len;
	__u8 nr_frags;
	__u8 tx_flags;
	unsigned short gso_size;
	unsigned short gso_segs;
	struct skb_shared_hwtstamps hwtstamps;
	struct sk_buff *frag_list;
	unsigned int gso_type;
	u32 tskey;
	atomic_t dataref;
	void *destructor_arg;
	skb_frag_t frags[17];
};
struct sock;
struct sk_buff {
	union {
		struct {
			struct sk_buff *next;
			struct sk_buff *prev;
			union {
				struct net_device *dev;
				unsigned long dev_scratch;
			};
		};
		struct rb_node rbnode;
		struct list_head list;
	};
	union {
		struct sock *sk;
		int ip_defrag_offset;
	};
	union {
		ktime_t tstamp;
		u64 skb_mstamp_ns;
	};
	char cb[48];
	union {
		struct {
			unsigned long _skb_refdst;
			void (*destructor)(struct sk_buff *skb);
		};
		struct list_head tcp_tsorted_anchor;
	};
	unsigned long _nfct;
	unsigned int len;
	unsigned int data_len;
	__u16 mac_len;
	__u16 hdr_len;
	__u16 queue_mapping;
	__u8 __cloned_offset[0];
	__u8 cloned : 1;
	__u8 nohdr : 1;
	__u8 fclone : 2;
	__u8 peeked : 1;
	__u8 head_frag : 1;
	__u8 pfmemalloc : 1;
	__u8 active_extensions;
	__u32 headers_start[0];
	__u8 __pkt_type_offset[0];
	__u8 pkt_type : 3;
	__u8 ignore_df : 1;
	__u8 nf_trace : 1;
	__u8 ip_summed : 2;
	__u8 ooo_okay : 1;
	__u8 l4_hash : 1;
	__u8 sw_hash : 1;
	__u8 wifi_acked_valid : 1;
	__u8 wifi_acked : 1;
	__u8 no_fcs : 1;
	__u8 encapsulation : 1;
	__u8 encap_hdr_csum : 1;
	__u8 csum_valid : 1;
	__u8 __pkt_vlan_present_offset[0];
	__u8 vlan_present : 1;
	__u8 csum_complete_sw : 1;
	__u8 csum_level : 2;
	__u8 csum_not_inet : 1;
	__u8 dst_pending_confirm : 1;
	__u8 ndisc_nodetype : 2;
	__u8 ipvs_property : 1;
	__u8 inner_protocol_type : 1;
	__u8 remcsum_offload : 1;
	__u8 tc_skip_classify : 1;
	__u8 tc_at_ingress : 1;
	__u8 redirected : 1;
	__u8 from_ingress : 1;
	__u16 tc_index;
	union {
		__wsum csum;
		struct {
			__u16 csum_start;
			__u16 csum_offset;
		};
	};
	__u32 priority;
	int skb_iif;
	__u32 hash;
	__be16 vlan_proto;
	__u16 vlan_tci;
	union {
		unsigned int napi_id;
		unsigned int sender_cpu;
	};
	__u32 secmark;
	union {
		__u32 mark;
		__u32 reserved_tailroom;
	};
	union {
		__be16 inner_protocol;
		__u8 inner_ipproto;
	};
	__u16 inner_transport_header;
	__u16 inner_network_header;
	__u16 inner_mac_header;
	__be16 protocol;
	__u16 transport_header;
	__u16 network_header;
	__u16 mac_header;
	__u32 headers_end[0];
	sk_buff_data_t tail;
	sk_buff_data_t end;
	unsigned char *head;
	unsigned char *data;
	unsigned int truesize;
	refcount_t users;
	void *extensions;
};
/* How cb is used on the paths that run programs. */
struct qdisc_skb_cb {
	struct {
		unsigned int pkt_len;
		u16 slave_dev_queue_mapping;
		u16 tc_classid;
	};
	unsigned char data[20];
};
struct bpf_skb_data_end {
	struct qdisc_skb_cb qdisc_cb;
	void *data_meta;
	void *data_end;
};
struct sk_skb_cb {
	unsigned char data[20];
};
struct tcp_skb_cb {
	__u32 seq;
	__u32 end_seq;
	__u32 tcp_tw_isn;
	__u8 tcp_flags;
	__u8 sacked;
	__u8 ip_dsfield;
	__u32 ack_seq;
	struct {
		__u32 flags;
		struct sock *sk_redir;
		void *data_end;
	} bpf;
};

struct xdp_mem_info {
	u32 type;
	u32 id;
};
struct xdp_rxq_info {
	struct net_device *dev;
	u32 queue_index;
	u32 reg_state;
	struct xdp_mem_info mem;
};
struct xdp_buff {
	void *data;
	void *data_end;
	void *data_meta;
	void *data_hard_start;
	unsigned long handle;
	struct xdp_rxq_info *rxq;
};
struct xdp_frame {
	void *data;
	u16 len;
	u16 headroom;
	u16 metasize;
	struct xdp_mem_info mem;
	struct net_device *dev_rx;
};
struct xdp_sock;
struct xdp_umem;

struct sock_common {
	union {
		u64 skc_addrpair;
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		unsigned int skc_hash;
		__u16 skc_u16hashes[2];
	};
	union {
		u32 skc_portpair;
		struct {
			__be16 skc_dport;
			__u16 skc_num;
		};
	};
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	unsigned char skc_ipv6only : 1;
	unsigned char skc_net_refcnt : 1;
	int skc_bound_dev_if;
	void *skc_prot;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	union {
		unsigned long skc_flags;
		struct sock *skc_listener;
	};
	unsigned short skc_tx_queue_mapping;
	unsigned short skc_rx_queue_mapping;
	refcount_t skc_refcnt;
};
struct sk_buff_head {
	struct sk_buff *next;
	struct sk_buff *prev;
	__u32 qlen;
};
struct sock_cgroup_data {
	union {
		struct {
			u8 is_data : 1;
			u8 no_refcnt : 1;
			u8 padding;
			u16 prioid;
			u32 classid;
		};
		u64 val;
	};
};
struct socket;
struct sock {
	struct sock_common __sk_common;
	int sk_drops;
	int sk_rcvlowat;
	struct sk_buff_head sk_error_queue;
	struct sk_buff_head sk_receive_queue;
	struct {
		atomic_t rmem_alloc;
		int len;
		struct sk_buff *head;
		struct sk_buff *tail;
	} sk_backlog;
	int sk_forward_alloc;
	unsigned int sk_napi_id;
	int sk_rcvbuf;
	void *sk_filter;
	void *sk_rx_dst;
	atomic_t sk_omem_alloc;
	int sk_sndbuf;
	int sk_wmem_queued;
	refcount_t sk_wmem_alloc;
	struct sk_buff_head sk_write_queue;
	int sk_write_pending;
	__u32 sk_dst_pending_confirm;
	u32 sk_pacing_status;
	long sk_sndtimeo;
	__u32 sk_priority;
	__u32 sk_mark;
	unsigned long sk_pacing_rate;
	unsigned long sk_max_pacing_rate;
	gfp_t sk_allocation;
	__u32 sk_txhash;
	u8 sk_padding : 1;
	u8 sk_kern_sock : 1;
	u8 sk_no_check_tx : 1;
	u8 sk_no_check_rx : 1;
	u8 sk_userlocks : 4;
	u8 sk_pacing_shift;
	u16 sk_type;
	u16 sk_protocol;
	u16 sk_gso_max_segs;
	unsigned long sk_lingertime;
	int sk_err;
	int sk_err_soft;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	kuid_t sk_uid;
	long sk_rcvtimeo;
	u8 sk_shutdown;
	u32 sk_tskey;
	void *sk_user_data;
	struct socket *sk_socket;
	struct sock_cgroup_data sk_cgrp_data;
	void *sk_reuseport_cb;
	void *sk_bpf_storage;
};
struct socket {
	int state;
	short type;
	unsigned long flags;
	struct file *file;
	struct sock *sk;
	const void *ops;
};
struct ipv6_pinfo {
	struct in6_addr saddr;
	__be32 flow_label;
	__s16 hop_limit;
	__s16 mcast_hops;
	__u8 min_hopcount;
	__u8 tclass;
	__be32 rcv_flowinfo;
};
struct inet_sock {
	struct sock sk;
	struct ipv6_pinfo *pinet6;
	__be32 inet_saddr;
	__s16 uc_ttl;
	__u16 cmsg_flags;
	__be16 inet_sport;
	__u16 inet_id;
	int rx_dst_ifindex;
	__u8 tos;
	__u8 min_ttl;
	__u8 mc_ttl;
	__u8 pmtudisc;
	__u8 recverr : 1;
	__u8 is_icsk : 1;
	__u8 freebind : 1;
	__u8 hdrincl : 1;
	__u8 bind_address_no_port : 1;
	__u8 mc_loop : 1;
	__u8 transparent : 1;
	__u8 mc_all : 1;
	__u8 nodefrag : 1;
	__u8 defer_connect : 1;
};
struct request_sock;
struct sockaddr {
	unsigned short sa_family;
	char sa_data[14];
};
struct sockaddr_in {
	unsigned short sin_family;
	__be16 sin_port;
	struct in_addr sin_addr;
	unsigned char __pad[8];
};
struct sockaddr_in6 {
	unsigned short sin6_family;
	__be16 sin6_port;
	__be32 sin6_flowinfo;
	struct in6_addr sin6_addr;
	__u32 sin6_scope_id;
};
struct scatterlist {
	unsigned long page_link;
	unsigned int offset;
	unsigned int length;
	u64 dma_address;
};
struct sk_msg_sg {
	u32 start;
	u32 curr;
	u32 end;
	u32 size;
	u32 copybreak;
	unsigned long copy;
	struct scatterlist data[19];
};
struct sk_msg {
	struct sk_msg_sg sg;
	void *data;
	void *data_end;
	u32 apply_bytes;
	u32 cork_bytes;
	u32 flags;
	struct sk_buff *skb;
	struct sock *sk_redir;
	struct sock *sk;
	struct list_head list;
};

#endif
