/* SPDX-License-Identifier: MIT */
/* Compiled for its debug information only: every type and function that the simulated kernel's BTF is to have. */
#include "bpf.h"
#include "task.h"
#include "trace.h"
#include "uapi.h"

#define KEEP_STRUCT(name) struct name keep_struct_##name
#define KEEP_TYPE(name) name keep_type_##name

KEEP_STRUCT(pt_regs);
KEEP_TYPE(bpf_user_pt_regs_t);
KEEP_STRUCT(task_struct);
KEEP_STRUCT(linux_binprm);
KEEP_STRUCT(file);
KEEP_STRUCT(filename);
KEEP_STRUCT(cgroup);
KEEP_STRUCT(pid);
KEEP_STRUCT(user_namespace);
KEEP_STRUCT(net);
KEEP_STRUCT(net_device);
KEEP_STRUCT(sk_buff);
KEEP_STRUCT(skb_shared_info);
KEEP_STRUCT(qdisc_skb_cb);
KEEP_STRUCT(bpf_skb_data_end);
KEEP_STRUCT(tcp_skb_cb);
KEEP_STRUCT(xdp_buff);
KEEP_STRUCT(xdp_rxq_info);
KEEP_STRUCT(xdp_frame);
KEEP_STRUCT(sock);
KEEP_STRUCT(socket);
KEEP_STRUCT(inet_sock);
KEEP_STRUCT(request_sock);
KEEP_STRUCT(inet_connection_sock);
KEEP_STRUCT(tcp_sock);
KEEP_STRUCT(sockaddr_in);
KEEP_STRUCT(sockaddr_in6);
KEEP_STRUCT(sk_msg);
KEEP_STRUCT(xdp_sock);
KEEP_STRUCT(tcp_congestion_ops);
KEEP_STRUCT(bpf_struct_ops_tcp_congestion_ops);
KEEP_STRUCT(ack_sample);
KEEP_STRUCT(rate_sample);
KEEP_STRUCT(bpf_map);
KEEP_STRUCT(bpf_array);
KEEP_STRUCT(htab_elem);
KEEP_STRUCT(bpf_spin_lock);
KEEP_STRUCT(bpf_prog);
KEEP_STRUCT(bpf_sock_addr_kern);
KEEP_STRUCT(bpf_sock_ops_kern);
KEEP_STRUCT(bpf_cgroup_dev_ctx);
KEEP_STRUCT(bpf_sysctl_kern);
KEEP_STRUCT(bpf_sockopt_kern);
KEEP_STRUCT(sk_reuseport_kern);
KEEP_STRUCT(bpf_flow_dissector);
KEEP_STRUCT(bpf_flow_keys);
KEEP_STRUCT(bpf_perf_event_data_kern);
KEEP_STRUCT(perf_sample_data);
KEEP_STRUCT(perf_event);
KEEP_STRUCT(sockaddr);
KEEP_STRUCT(ctl_table_header);
KEEP_STRUCT(ctl_table);
KEEP_STRUCT(cred);
KEEP_STRUCT(kernfs_node);
KEEP_STRUCT(css_set);
KEEP_STRUCT(request);
KEEP_STRUCT(request_queue);
KEEP_STRUCT(elevator_queue);
KEEP_STRUCT(kstat);
KEEP_STRUCT(open_how);
KEEP_STRUCT(work_struct);
KEEP_STRUCT(timer_list);
KEEP_STRUCT(hrtimer);
KEEP_STRUCT(nbd_request);
KEEP_STRUCT(vfsmount);
KEEP_STRUCT(super_block);
KEEP_STRUCT(pid_namespace);
KEEP_STRUCT(user_struct);
KEEP_STRUCT(bio);
KEEP_STRUCT(gendisk);
KEEP_STRUCT(mm_struct);
KEEP_STRUCT(vm_area_struct);
KEEP_STRUCT(fs_struct);
KEEP_STRUCT(files_struct);
KEEP_STRUCT(fdtable);
KEEP_STRUCT(nsproxy);
KEEP_STRUCT(uts_namespace);
KEEP_STRUCT(mnt_namespace);
KEEP_STRUCT(signal_struct);
KEEP_STRUCT(bpf_prog_aux);
KEEP_STRUCT(ipv6_pinfo);
KEEP_STRUCT(xdp_umem);
KEEP_STRUCT(trace_event_raw_sys_enter);
KEEP_STRUCT(trace_event_raw_sys_exit);
KEEP_STRUCT(trace_event_raw_sched_switch);
KEEP_STRUCT(trace_event_raw_sched_wakeup_template);
KEEP_STRUCT(trace_event_raw_sched_process_template);
KEEP_STRUCT(trace_event_raw_sched_process_fork);
KEEP_STRUCT(trace_event_raw_sched_process_exec);
KEEP_STRUCT(trace_event_raw_task_newtask);
KEEP_STRUCT(trace_event_raw_task_rename);
KEEP_STRUCT(trace_event_raw_signal_generate);
KEEP_STRUCT(trace_event_raw_inet_sock_set_state);
KEEP_STRUCT(trace_event_raw_block_rq);
KEEP_STRUCT(trace_event_raw_block_rq_complete);
KEEP_STRUCT(trace_event_raw_softirq);
KEEP_STRUCT(trace_event_raw_irq_handler_entry);
KEEP_STRUCT(trace_event_raw_irq_handler_exit);
KEEP_STRUCT(trace_event_raw_mm_vmscan_direct_reclaim_begin_template);
KEEP_STRUCT(trace_event_raw_mm_vmscan_direct_reclaim_end_template);
KEEP_STRUCT(trace_event_raw_cpu);
KEEP_STRUCT(trace_event_raw_kfree_skb);
KEEP_STRUCT(trace_event_raw_sched_migrate_task);
KEEP_STRUCT(trace_event_raw_mark_victim);
KEEP_STRUCT(trace_event_raw_net_dev_template);
KEEP_STRUCT(trace_event_raw_tcp_event_sk_skb);
KEEP_STRUCT(trace_event_raw_kmem_alloc);
KEEP_STRUCT(trace_entry);
KEEP_STRUCT(bpf_perf_event_data);
KEEP_STRUCT(kiocb);
KEEP_STRUCT(iov_iter);
KEEP_STRUCT(irqaction);
KEEP_STRUCT(kmem_cache);
KEEP_STRUCT(oom_control);
KEEP_STRUCT(mutex);
KEEP_STRUCT(rw_semaphore);
KEEP_STRUCT(mddev);
KEEP_STRUCT(page);
KEEP_STRUCT(address_space);
KEEP_STRUCT(buffer_head);
KEEP_STRUCT(kernel_siginfo);
KEEP_STRUCT(cfs_rq);
KEEP_TYPE(btf_trace_sys_enter);
KEEP_TYPE(btf_trace_sys_exit);
KEEP_TYPE(btf_trace_sched_switch);
KEEP_TYPE(btf_trace_sched_wakeup);
KEEP_TYPE(btf_trace_sched_wakeup_new);
KEEP_TYPE(btf_trace_sched_process_exec);
KEEP_TYPE(btf_trace_sched_process_fork);
KEEP_TYPE(btf_trace_sched_process_exit);
KEEP_TYPE(btf_trace_task_newtask);
KEEP_TYPE(btf_trace_task_rename);
KEEP_TYPE(btf_trace_kfree_skb);
KEEP_TYPE(btf_trace_consume_skb);
KEEP_TYPE(btf_trace_net_dev_queue);
KEEP_TYPE(btf_trace_netif_receive_skb);
KEEP_TYPE(btf_trace_tcp_retransmit_skb);
KEEP_TYPE(btf_trace_tcp_probe);
KEEP_TYPE(btf_trace_tcp_send_reset);
KEEP_TYPE(btf_trace_tcp_destroy_sock);
KEEP_TYPE(btf_trace_tcp_rcv_space_adjust);
KEEP_TYPE(btf_trace_inet_sock_set_state);
KEEP_TYPE(btf_trace_block_rq_insert);
KEEP_TYPE(btf_trace_block_rq_issue);
KEEP_TYPE(btf_trace_block_rq_complete);
KEEP_TYPE(btf_trace_sched_waking);
KEEP_TYPE(btf_trace_sched_process_free);
KEEP_TYPE(btf_trace_signal_generate);
KEEP_TYPE(btf_trace_softirq_raise);
KEEP_TYPE(btf_trace_softirq_entry);
KEEP_TYPE(btf_trace_softirq_exit);
KEEP_TYPE(btf_trace_irq_handler_entry);
KEEP_TYPE(btf_trace_irq_handler_exit);
KEEP_TYPE(btf_trace_mm_vmscan_direct_reclaim_begin);
KEEP_TYPE(btf_trace_mm_vmscan_direct_reclaim_end);
KEEP_TYPE(btf_trace_cpu_frequency);
KEEP_TYPE(btf_trace_page_fault_user);
KEEP_TYPE(btf_trace_sched_migrate_task);
KEEP_TYPE(btf_trace_mark_victim);
KEEP_TYPE(btf_trace_net_dev_xmit);
KEEP_TYPE(btf_trace_net_dev_start_xmit);
KEEP_TYPE(btf_trace_block_bio_queue);
KEEP_TYPE(btf_trace_kmalloc);
KEEP_TYPE(btf_trace_kfree);
KEEP_TYPE(btf_trace_workqueue_execute_start);
KEEP_TYPE(btf_trace_workqueue_execute_end);
KEEP_TYPE(btf_trace_timer_start);
KEEP_TYPE(btf_trace_hrtimer_start);
KEEP_TYPE(btf_trace_bpf_test_finish);
KEEP_TYPE(btf_trace_nbd_send_request);
KEEP_TYPE(btf_trace_xdp_exception);
KEEP_TYPE(btf_trace_xdp_redirect);
KEEP_TYPE(btf_trace_xdp_redirect_err);
KEEP_TYPE(btf_bpf_skb_output);
KEEP_TYPE(btf_bpf_tcp_send_ack);

/* Kernel functions that fentry, fexit and kprobes find by name. Bodies do not matter. */
#define FUNCTION(ret, name, ...) \
	ret name(__VA_ARGS__)   \
	{                       \
		return (ret)0;  \
	}
#define PROCEDURE(name, ...)  \
	void name(__VA_ARGS__) \
	{                      \
	}

FUNCTION(int, bpf_fentry_test1, int a)
FUNCTION(int, bpf_fentry_test2, int a, u64 b)
FUNCTION(int, bpf_fentry_test3, char a, int b, u64 c)
FUNCTION(int, bpf_fentry_test4, void *a, char b, int c, u64 d)
FUNCTION(int, bpf_fentry_test5, u64 a, void *b, short c, int d, u64 e)
FUNCTION(__be16, eth_type_trans, struct sk_buff *skb, struct net_device *dev)
FUNCTION(int, tcp_v4_connect, struct sock *sk, struct sockaddr *uaddr, int addr_len)
FUNCTION(int, tcp_v6_connect, struct sock *sk, struct sockaddr *uaddr, int addr_len)
FUNCTION(int, tcp_sendmsg, struct sock *sk, void *msg, size_t size)
PROCEDURE(tcp_cleanup_rbuf, struct sock *sk, int copied)
PROCEDURE(tcp_set_state, struct sock *sk, int state)
FUNCTION(ssize_t, vfs_read, struct file *file, char *buf, size_t count, loff_t *pos)
FUNCTION(ssize_t, vfs_write, struct file *file, const char *buf, size_t count, loff_t *pos)
FUNCTION(int, vfs_fsync, struct file *file, int datasync)
FUNCTION(int, vfs_open, const struct path *path, struct file *file)
FUNCTION(struct file *, dentry_open, const struct path *path, int flags, const struct cred *cred)
FUNCTION(char *, d_path, const struct path *path, char *buf, int buflen)
FUNCTION(int, vfs_create, struct inode *dir, struct dentry *dentry, umode_t mode, bool want_excl)
FUNCTION(int, vfs_unlink, struct inode *dir, struct dentry *dentry, struct inode **delegated_inode)
FUNCTION(long, do_sys_open, int dfd, const char *filename, int flags, umode_t mode)
FUNCTION(int, do_unlinkat, int dfd, struct filename *name)
FUNCTION(int, security_file_open, struct file *file)
FUNCTION(int, cap_capable, const struct cred *cred, struct user_namespace *ns, int cap, unsigned int opts)
PROCEDURE(oom_kill_process, struct oom_control *oc, const char *message)
PROCEDURE(blk_account_io_start, struct request *rq, bool new_io)
PROCEDURE(blk_account_io_done, struct request *rq, u64 now)
FUNCTION(int, tcp_rcv_state_process, struct sock *sk, struct sk_buff *skb)
PROCEDURE(tcp_rcv_established, struct sock *sk, struct sk_buff *skb)
PROCEDURE(tcp_close, struct sock *sk, long timeout)
FUNCTION(struct sock *, inet_csk_accept, struct sock *sk, int flags, int *err, bool kern)
FUNCTION(int, inet_listen, struct socket *sock, int backlog)
FUNCTION(int, inet_bind, struct socket *sock, struct sockaddr *uaddr, int addr_len)
FUNCTION(int, inet6_bind, struct socket *sock, struct sockaddr *uaddr, int addr_len)
FUNCTION(int, security_inode_create, struct inode *dir, struct dentry *dentry, umode_t mode)
PROCEDURE(blk_mq_start_request, struct request *rq)
PROCEDURE(mutex_lock, struct mutex *lock)
FUNCTION(int, mutex_trylock, struct mutex *lock)
FUNCTION(int, mutex_lock_interruptible, struct mutex *lock)
FUNCTION(int, mutex_lock_killable, struct mutex *lock)
PROCEDURE(mutex_unlock, struct mutex *lock)
PROCEDURE(down_read, struct rw_semaphore *sem)
FUNCTION(int, down_read_trylock, struct rw_semaphore *sem)
FUNCTION(int, down_read_killable, struct rw_semaphore *sem)
PROCEDURE(up_read, struct rw_semaphore *sem)
PROCEDURE(down_write, struct rw_semaphore *sem)
FUNCTION(int, down_write_trylock, struct rw_semaphore *sem)
FUNCTION(int, down_write_killable, struct rw_semaphore *sem)
PROCEDURE(up_write, struct rw_semaphore *sem)
FUNCTION(void *, kmem_cache_alloc, struct kmem_cache *cachep, gfp_t flags)
PROCEDURE(mark_page_accessed, struct page *page)
FUNCTION(int, add_to_page_cache_lru, struct page *page, struct address_space *mapping, unsigned long offset, gfp_t gfp)
PROCEDURE(account_page_dirtied, struct page *page, struct address_space *mapping)
PROCEDURE(mark_buffer_dirty, struct buffer_head *bh)
FUNCTION(struct page *, __page_cache_alloc, gfp_t gfp)
FUNCTION(bool, md_flush_request, struct mddev *mddev, struct bio *bio)
FUNCTION(int, migrate_misplaced_page, struct page *page, struct vm_area_struct *vma, int node)
FUNCTION(int, try_to_wake_up, struct task_struct *p, unsigned int state, int wake_flags)
FUNCTION(ssize_t, ext4_file_read_iter, struct kiocb *iocb, struct iov_iter *to)
FUNCTION(ssize_t, ext4_file_write_iter, struct kiocb *iocb, struct iov_iter *from)
FUNCTION(int, ext4_file_open, struct inode *inode, struct file *filp)
FUNCTION(int, ext4_file_getattr, const struct path *path, struct kstat *stat, u32 request_mask, unsigned int query_flags)
FUNCTION(int, ext4_sync_file, struct file *file, loff_t start, loff_t end, int datasync)
PROCEDURE(__set_task_comm, struct task_struct *tsk, const char *buf, bool exec)
PROCEDURE(wake_up_new_task, struct task_struct *p)
PROCEDURE(do_exit, long code)
FUNCTION(long, hrtimer_nanosleep, ktime_t rqtp, int mode, int clockid)
FUNCTION(ssize_t, urandom_read, struct file *file, char *buf, size_t nbytes, loff_t *ppos)
FUNCTION(long, do_sys_openat2, int dfd, const char *filename, struct open_how *how)
FUNCTION(struct file *, do_filp_open, int dfd, struct filename *pathname, const void *op)
FUNCTION(int, vfs_rmdir, struct inode *dir, struct dentry *dentry)
FUNCTION(int, vfs_mkdir, struct inode *dir, struct dentry *dentry, umode_t mode)
FUNCTION(int, vfs_getattr, const struct path *path, struct kstat *stat, u32 request_mask, unsigned int query_flags)
FUNCTION(int, filp_close, struct file *filp, void *id)
FUNCTION(int, security_bprm_check, struct linux_binprm *bprm)
FUNCTION(int, security_inode_unlink, struct inode *dir, struct dentry *dentry)
FUNCTION(int, security_socket_connect, struct socket *sock, struct sockaddr *address, int addrlen)
FUNCTION(int, security_socket_bind, struct socket *sock, struct sockaddr *address, int addrlen)
FUNCTION(int, security_task_fix_setuid, struct cred *new, const struct cred *old, int flags)
FUNCTION(int, commit_creds, struct cred *new)
FUNCTION(int, inet_stream_connect, struct socket *sock, struct sockaddr *uaddr, int addr_len, int flags)
FUNCTION(int, tcp_v4_rcv, struct sk_buff *skb)
FUNCTION(int, tcp_v4_do_rcv, struct sock *sk, struct sk_buff *skb)
FUNCTION(int, tcp_retransmit_skb, struct sock *sk, struct sk_buff *skb, int segs)
FUNCTION(int, tcp_connect, struct sock *sk)
PROCEDURE(tcp_shutdown, struct sock *sk, int how)
FUNCTION(int, udp_sendmsg, struct sock *sk, void *msg, size_t len)
FUNCTION(int, udp_rcv, struct sk_buff *skb)
FUNCTION(int, ip_rcv, struct sk_buff *skb, struct net_device *dev, void *pt, struct net_device *orig_dev)
FUNCTION(int, ip_output, struct net *net, struct sock *sk, struct sk_buff *skb)
FUNCTION(int, dev_queue_xmit, struct sk_buff *skb)
FUNCTION(int, netif_receive_skb, struct sk_buff *skb)
PROCEDURE(kfree_skb, struct sk_buff *skb)
PROCEDURE(__kfree_skb, struct sk_buff *skb)
PROCEDURE(consume_skb, struct sk_buff *skb)
FUNCTION(int, sock_sendmsg, struct socket *sock, void *msg)
FUNCTION(int, sock_recvmsg, struct socket *sock, void *msg, int flags)
FUNCTION(blk_qc_t, generic_make_request, struct bio *bio)
FUNCTION(blk_qc_t, submit_bio, struct bio *bio)
FUNCTION(struct page *, __alloc_pages_nodemask, gfp_t gfp_mask, unsigned int order, int preferred_nid, void *nodemask)

/* More parameters than BPF code may pass: taking the address is enough for the debug information. */
struct request_sock;
struct dst_entry;
extern int bpf_fentry_test6(u64 a, void *b, short c, int d, void *e, u64 f);
extern struct sock *tcp_v4_syn_recv_sock(const struct sock *sk, struct sk_buff *skb, struct request_sock *req,
					 struct dst_entry *dst, struct request_sock *req_unhash, bool *own_req);
extern struct sock *tcp_v6_syn_recv_sock(const struct sock *sk, struct sk_buff *skb, struct request_sock *req,
					 struct dst_entry *dst, struct request_sock *req_unhash, bool *own_req);
void *keep_wide_functions(int which)
{
	if (which == 0)
		return bpf_fentry_test6;
	return which == 1 ? (void *)tcp_v4_syn_recv_sock : (void *)tcp_v6_syn_recv_sock;
}
FUNCTION(u32, tcp_slow_start, struct tcp_sock *tp, u32 acked)
PROCEDURE(tcp_cong_avoid_ai, struct tcp_sock *tp, u32 w, u32 acked)
PROCEDURE(tcp_reno_cong_avoid, struct sock *sk, u32 ack, u32 acked)
FUNCTION(u32, tcp_reno_ssthresh, struct sock *sk)
FUNCTION(u32, tcp_reno_undo_cwnd, struct sock *sk)

/* What programs relocate to, which the kernel itself has no object of. */
KEEP_STRUCT(bpf_sock);
KEEP_STRUCT(bpf_tcp_sock);
KEEP_STRUCT(bpf_sock_tuple);
KEEP_STRUCT(bpf_xdp_sock);
KEEP_STRUCT(__sk_buff);
KEEP_STRUCT(xdp_md);
KEEP_STRUCT(sk_msg_md);
KEEP_STRUCT(sk_reuseport_md);
KEEP_STRUCT(bpf_sock_addr);
KEEP_STRUCT(bpf_sock_ops);
KEEP_STRUCT(bpf_sysctl);
KEEP_STRUCT(bpf_sockopt);
KEEP_STRUCT(bpf_raw_tracepoint_args);
KEEP_STRUCT(bpf_tunnel_key);
KEEP_STRUCT(bpf_xfrm_state);
KEEP_STRUCT(bpf_fib_lookup);
KEEP_STRUCT(bpf_perf_event_value);
KEEP_STRUCT(bpf_stack_build_id);
KEEP_STRUCT(bpf_cgroup_storage_key);
KEEP_STRUCT(bpf_lpm_trie_key);
KEEP_STRUCT(ethhdr);
KEEP_STRUCT(vlan_hdr);
KEEP_STRUCT(vlan_ethhdr);
KEEP_STRUCT(arphdr);
KEEP_STRUCT(iphdr);
KEEP_STRUCT(ipv6hdr);
KEEP_STRUCT(ipv6_opt_hdr);
KEEP_STRUCT(ipv6_rt_hdr);
KEEP_STRUCT(frag_hdr);
KEEP_STRUCT(ip_auth_hdr);
KEEP_STRUCT(ip_esp_hdr);
KEEP_STRUCT(gre_base_hdr);
KEEP_STRUCT(vxlanhdr);
KEEP_STRUCT(tcphdr);
KEEP_STRUCT(udphdr);
KEEP_STRUCT(sctphdr);
KEEP_STRUCT(icmphdr);
KEEP_STRUCT(icmp6hdr);
KEEP_STRUCT(callback_head);
KEEP_STRUCT(dev_ifalias);
