/* SPDX-License-Identifier: MIT */
/* Tracepoints and the functions that programs of type TRACING may be attached to. */
#ifndef TSBPF_TRACE_H
#define TSBPF_TRACE_H
#include "bpf.h"
#include "events.h"

struct gendisk {
	int major;
	int first_minor;
	int minors;
	char disk_name[32];
};
struct bio {
	struct bio *bi_next;
	struct gendisk *bi_disk;
	unsigned int bi_opf;
	u8 bi_status;
};
struct elevator_queue {
	void *type;
	void *elevator_data;
};
struct request;
struct request_queue {
	struct request *last_merge;
	struct elevator_queue *elevator;
	unsigned long queue_flags;
	unsigned long nr_requests;
};
struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	u32 rq_flags;
	int tag;
	unsigned int __data_len;
	sector_t __sector;
	struct bio *bio;
	struct gendisk *rq_disk;
	u64 start_time_ns;
	u64 io_start_time_ns;
};
struct kiocb {
	struct file *ki_filp;
	loff_t ki_pos;
	void (*ki_complete)(struct kiocb *iocb, long ret, long ret2);
	void *private;
	int ki_flags;
};
struct iov_iter {
	unsigned int type;
	size_t count;
};
typedef unsigned int blk_qc_t;
struct open_how {
	__u64 flags;
	__u64 mode;
	__u64 resolve;
};
struct work_struct {
	atomic_long_t data;
	struct list_head entry;
	void (*func)(struct work_struct *work);
};
struct timer_list {
	struct hlist_node entry;
	unsigned long expires;
	void (*function)(struct timer_list *timer);
	u32 flags;
};
struct hrtimer {
	ktime_t expires;
	int (*function)(struct hrtimer *timer);
};
struct kstat {
	u32 result_mask;
	umode_t mode;
	unsigned int nlink;
	u64 ino;
	dev_t dev;
	kuid_t uid;
	kgid_t gid;
	loff_t size;
};
struct irqaction {
	void *handler;
	void *dev_id;
	unsigned int irq;
	unsigned int flags;
	const char *name;
};
struct kmem_cache {
	unsigned int size;
	unsigned int object_size;
	const char *name;
};
struct oom_control {
	gfp_t gfp_mask;
	int order;
	unsigned long totalpages;
	struct task_struct *chosen;
	unsigned long chosen_points;
};
struct mutex {
	atomic_long_t owner;
	struct list_head wait_list;
};
struct rw_semaphore {
	atomic_long_t count;
	atomic_long_t owner;
	struct list_head wait_list;
};
struct mddev {
	dev_t unit;
	struct gendisk *gendisk;
};
struct page {
	unsigned long flags;
	void *mapping;
	unsigned long index;
};
struct address_space {
	struct inode *host;
};
struct buffer_head {
	unsigned long b_state;
	struct page *b_page;
};
struct kernel_siginfo {
	int si_signo;
	int si_errno;
	int si_code;
};
struct nbd_request {
	__be32 magic;
	__be32 type;
	char handle[8];
	__be64 from;
	__be32 len;
} __attribute__((packed));

#define TRACEPOINT(name, ...) typedef void (*btf_trace_##name)(void *, __VA_ARGS__)

TRACEPOINT(sys_enter, struct pt_regs *regs, long id);
TRACEPOINT(sys_exit, struct pt_regs *regs, long ret);
TRACEPOINT(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next);
TRACEPOINT(sched_wakeup, struct task_struct *p);
TRACEPOINT(sched_wakeup_new, struct task_struct *p);
TRACEPOINT(sched_process_exec, struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm);
TRACEPOINT(sched_process_fork, struct task_struct *parent, struct task_struct *child);
TRACEPOINT(sched_process_exit, struct task_struct *p);
TRACEPOINT(task_newtask, struct task_struct *task, unsigned long clone_flags);
TRACEPOINT(task_rename, struct task_struct *task, const char *comm);
TRACEPOINT(kfree_skb, struct sk_buff *skb, void *location);
TRACEPOINT(consume_skb, struct sk_buff *skb);
TRACEPOINT(net_dev_queue, struct sk_buff *skb);
TRACEPOINT(netif_receive_skb, struct sk_buff *skb);
TRACEPOINT(tcp_retransmit_skb, const struct sock *sk, const struct sk_buff *skb);
TRACEPOINT(tcp_probe, struct sock *sk, struct sk_buff *skb);
TRACEPOINT(tcp_send_reset, const struct sock *sk, const struct sk_buff *skb);
TRACEPOINT(tcp_destroy_sock, struct sock *sk);
TRACEPOINT(tcp_rcv_space_adjust, struct sock *sk);
TRACEPOINT(inet_sock_set_state, const struct sock *sk, const int oldstate, const int newstate);
TRACEPOINT(block_rq_insert, struct request_queue *q, struct request *rq);
TRACEPOINT(block_rq_issue, struct request_queue *q, struct request *rq);
TRACEPOINT(block_rq_complete, struct request *rq, int error, unsigned int nr_bytes);
TRACEPOINT(sched_waking, struct task_struct *p);
TRACEPOINT(sched_process_free, struct task_struct *p);
TRACEPOINT(signal_generate, int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int result);
TRACEPOINT(softirq_raise, unsigned int vec_nr);
TRACEPOINT(softirq_entry, unsigned int vec_nr);
TRACEPOINT(softirq_exit, unsigned int vec_nr);
TRACEPOINT(irq_handler_entry, int irq, struct irqaction *action);
TRACEPOINT(irq_handler_exit, int irq, struct irqaction *action, int ret);
TRACEPOINT(mm_vmscan_direct_reclaim_begin, int order, gfp_t gfp_flags);
TRACEPOINT(mm_vmscan_direct_reclaim_end, unsigned long nr_reclaimed);
TRACEPOINT(cpu_frequency, unsigned int frequency, unsigned int cpu_id);
TRACEPOINT(page_fault_user, unsigned long address, struct pt_regs *regs, unsigned long error_code);
TRACEPOINT(sched_migrate_task, struct task_struct *p, int dest_cpu);
TRACEPOINT(mark_victim, int pid);
TRACEPOINT(net_dev_start_xmit, const struct sk_buff *skb, const struct net_device *dev);
TRACEPOINT(net_dev_xmit, struct sk_buff *skb, int rc, struct net_device *dev, unsigned int skb_len);
TRACEPOINT(block_bio_queue, struct request_queue *q, struct bio *bio);
TRACEPOINT(kmalloc, unsigned long call_site, const void *ptr, size_t bytes_req, size_t bytes_alloc, gfp_t gfp_flags);
TRACEPOINT(kfree, unsigned long call_site, const void *ptr);
TRACEPOINT(workqueue_execute_start, struct work_struct *work);
TRACEPOINT(workqueue_execute_end, struct work_struct *work);
TRACEPOINT(timer_start, struct timer_list *timer, unsigned long expires, unsigned int flags);
TRACEPOINT(hrtimer_start, struct hrtimer *hrtimer, int mode);
TRACEPOINT(bpf_test_finish, int *err);
TRACEPOINT(nbd_send_request, struct nbd_request *nbd_request, int index, struct request *rq);
TRACEPOINT(xdp_exception, const struct net_device *dev, const struct bpf_prog *xdp, u32 act);
TRACEPOINT(xdp_redirect, const struct net_device *dev, const struct bpf_prog *xdp, const void *tgt, int err,
	   const struct bpf_map *map, u32 index);
TRACEPOINT(xdp_redirect_err, const struct net_device *dev, const struct bpf_prog *xdp, const void *tgt, int err,
	   const struct bpf_map *map, u32 index);

/* Marks the types that arguments of type ARG_PTR_TO_BTF_ID must have. */
typedef int (*btf_bpf_skb_output)(struct sk_buff *skb, struct bpf_map *map, u64 flags, void *data, u64 size);
typedef int (*btf_bpf_tcp_send_ack)(struct tcp_sock *tp, u32 rcv_nxt);

#endif
