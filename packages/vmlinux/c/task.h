/* SPDX-License-Identifier: MIT */
/* Tasks, credentials, files and cgroups. */
#ifndef TSBPF_TASK_H
#define TSBPF_TASK_H
#include "base.h"

struct ns_common {
	atomic_long_t stashed;
	const void *ops;
	unsigned int inum;
};
struct user_namespace {
	struct user_namespace *parent;
	int level;
	struct ns_common ns;
};
struct pid_namespace {
	struct kref kref;
	unsigned int pid_allocated;
	unsigned int level;
	struct pid_namespace *parent;
	struct ns_common ns;
};
struct uts_namespace {
	struct {
		char sysname[65];
		char nodename[65];
		char release[65];
		char version[65];
		char machine[65];
		char domainname[65];
	} name;
	struct ns_common ns;
};
struct mnt_namespace {
	atomic_t count;
	struct ns_common ns;
};
struct net;
struct nsproxy {
	atomic_t count;
	struct uts_namespace *uts_ns;
	void *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	void *cgroup_ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	refcount_t count;
	unsigned int level;
	struct upid numbers[1];
};
typedef struct kernel_cap_struct {
	__u32 cap[2];
} kernel_cap_t;
struct user_struct {
	refcount_t __count;
	kuid_t uid;
	atomic_long_t locked_vm;
};
struct cred {
	atomic_t usage;
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
	unsigned int securebits;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	kernel_cap_t cap_bset;
	kernel_cap_t cap_ambient;
	struct user_struct *user;
	struct user_namespace *user_ns;
};

struct qstr {
	union {
		struct {
			u32 hash;
			u32 len;
		};
		u64 hash_len;
	};
	const unsigned char *name;
};
struct super_block {
	dev_t s_dev;
	unsigned long s_blocksize;
	unsigned long s_magic;
	struct user_namespace *s_user_ns;
	char s_id[32];
};
struct inode {
	umode_t i_mode;
	unsigned short i_opflags;
	kuid_t i_uid;
	kgid_t i_gid;
	unsigned int i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	dev_t i_rdev;
	loff_t i_size;
	struct timespec64 i_atime;
	struct timespec64 i_mtime;
	struct timespec64 i_ctime;
};
struct dentry {
	unsigned int d_flags;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	unsigned char d_iname[32];
	struct super_block *d_sb;
};
struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	int mnt_flags;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
	const void *f_op;
	atomic_long_t f_count;
	unsigned int f_flags;
	fmode_t f_mode;
	loff_t f_pos;
	const struct cred *f_cred;
	void *private_data;
};
struct filename {
	const char *name;
	const char *uptr;
	int refcnt;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *close_on_exec;
	unsigned long *open_fds;
};
struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
	unsigned int next_fd;
};
struct fs_struct {
	int users;
	int umask;
	struct path root;
	struct path pwd;
};
struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	struct vm_area_struct *vm_next;
	unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file *vm_file;
};
struct mm_struct {
	struct vm_area_struct *mmap;
	unsigned long task_size;
	atomic_t mm_users;
	atomic_t mm_count;
	unsigned long total_vm;
	unsigned long locked_vm;
	unsigned long start_code;
	unsigned long end_code;
	unsigned long start_data;
	unsigned long end_data;
	unsigned long start_brk;
	unsigned long brk;
	unsigned long start_stack;
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
	struct file *exe_file;
};

struct kernfs_node {
	atomic_t count;
	struct kernfs_node *parent;
	const char *name;
	u64 id;
};
struct cgroup;
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	void *ss;
	struct cgroup_subsys_state *parent;
	int id;
	unsigned int flags;
	u64 serial_nr;
};
struct cgroup {
	struct cgroup_subsys_state self;
	unsigned long flags;
	int level;
	int max_depth;
	struct kernfs_node *kn;
	u64 ancestor_ids[16];
};
struct css_set {
	struct cgroup_subsys_state *subsys[14];
	refcount_t refcount;
	struct cgroup *dfl_cgrp;
	int nr_tasks;
};

struct load_weight {
	unsigned long weight;
	u32 inv_weight;
};
struct cfs_rq {
	struct load_weight load;
	unsigned int nr_running;
	unsigned int h_nr_running;
};
struct sched_entity {
	u64 exec_start;
	u64 sum_exec_runtime;
	u64 vruntime;
	u64 prev_sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};
struct task_struct;
struct signal_struct {
	refcount_t sigcnt;
	atomic_t live;
	int nr_threads;
	int group_exit_code;
	struct task_struct *curr_target;
	struct pid *pids[4];
};
struct thread_info {
	unsigned long flags;
	u32 status;
};
struct task_struct {
	struct thread_info thread_info;
	volatile long state;
	void *stack;
	refcount_t usage;
	unsigned int flags;
	int on_cpu;
	unsigned int cpu;
	int on_rq;
	int prio;
	int static_prio;
	int normal_prio;
	unsigned int rt_priority;
	struct sched_entity se;
	unsigned int policy;
	int nr_cpus_allowed;
	struct list_head tasks;
	struct mm_struct *mm;
	struct mm_struct *active_mm;
	int exit_state;
	int exit_code;
	int exit_signal;
	unsigned in_execve : 1;
	unsigned in_iowait : 1;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *parent;
	struct list_head children;
	struct list_head sibling;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	u64 utime;
	u64 stime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	u64 start_time;
	u64 start_boottime;
	unsigned long min_flt;
	unsigned long maj_flt;
	const struct cred *real_cred;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	void *security;
	struct callback_head *task_works;
};
struct linux_binprm {
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	unsigned long p;
	int recursion_depth;
	struct file *file;
	struct cred *cred;
	int argc;
	int envc;
	const char *filename;
	const char *interp;
};

#endif
