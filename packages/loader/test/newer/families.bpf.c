// SPDX-License-Identifier: MIT
// A program for every family of section names; each counts its runs in a variable of its own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PROGRAM(name, section, result)	\
	__u64 runs_##name;		\
	SEC(section)			\
	int on_##name(void *ctx)		\
	{				\
		runs_##name++;		\
		return result;		\
	}

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

PROGRAM(filter, "socket", 0)
PROGRAM(xdp, "xdp", XDP_PASS)
PROGRAM(tc, "tc", 0)
PROGRAM(classifier, "classifier", 0)
PROGRAM(probe, "kprobe/vfs_read", 0)
PROGRAM(retprobe, "kretprobe/vfs_read", 0)
PROGRAM(ksyscall, "ksyscall/openat", 0)
PROGRAM(uprobe, "uprobe//bin/bash:0xd5000", 0)
PROGRAM(uretprobe, "uretprobe//bin/bash:0xd5000", 0)
PROGRAM(tracepoint, "tracepoint/sched/sched_switch", 0)
PROGRAM(tp, "tp/syscalls/sys_enter_openat", 0)
PROGRAM(raw_tp, "raw_tp/sched_switch", 0)
PROGRAM(raw_tracepoint, "raw_tracepoint/sys_enter", 0)
PROGRAM(tp_btf, "tp_btf/sched_switch", 0)
PROGRAM(fentry, "fentry/vfs_read", 0)
PROGRAM(fexit, "fexit/vfs_read", 0)
PROGRAM(perf, "perf_event", 0)
PROGRAM(sockops, "sockops", 1)
PROGRAM(parser, "sk_skb/stream_parser", 0)
PROGRAM(verdict, "sk_skb/stream_verdict", 1)
PROGRAM(message, "sk_msg", 1)
PROGRAM(dissector, "flow_dissector", 0)
PROGRAM(ingress, "cgroup_skb/ingress", 1)
PROGRAM(egress, "cgroup_skb/egress", 1)
PROGRAM(sock_create, "cgroup/sock_create", 1)
PROGRAM(sock, "cgroup/sock", 1)
PROGRAM(post_bind4, "cgroup/post_bind4", 1)
PROGRAM(post_bind6, "cgroup/post_bind6", 1)
PROGRAM(bind4, "cgroup/bind4", 1)
PROGRAM(bind6, "cgroup/bind6", 1)
PROGRAM(connect4, "cgroup/connect4", 1)
PROGRAM(connect6, "cgroup/connect6", 1)
PROGRAM(sendmsg4, "cgroup/sendmsg4", 1)
PROGRAM(sendmsg6, "cgroup/sendmsg6", 1)
PROGRAM(recvmsg4, "cgroup/recvmsg4", 1)
PROGRAM(recvmsg6, "cgroup/recvmsg6", 1)
PROGRAM(sysctl, "cgroup/sysctl", 1)
PROGRAM(getsockopt, "cgroup/getsockopt", 1)
PROGRAM(setsockopt, "cgroup/setsockopt", 1)
PROGRAM(dev, "cgroup/dev", 1)
PROGRAM(reuseport, "sk_reuseport", 1)
PROGRAM(action, "action", 0)
PROGRAM(lwt_in, "lwt_in", 0)
PROGRAM(lwt_out, "lwt_out", 0)
PROGRAM(lwt_xmit, "lwt_xmit", 0)
PROGRAM(seg6local, "lwt_seg6local", 0)
PROGRAM(lirc, "lirc_mode2", 0)
/* What Linux 5.6 does not have. */
PROGRAM(multi, "kprobe.multi/vfs_*", 0)
PROGRAM(usdt, "usdt//bin/bash:a:b", 0)
PROGRAM(fmod_ret, "fmod_ret/vfs_read", 0)
PROGRAM(lsm, "lsm/file_open", 0)
PROGRAM(iter, "iter/task", 0)
PROGRAM(sleepable, "fentry.s/vfs_read", 0)
PROGRAM(syscall, "syscall", 0)
PROGRAM(devmap, "xdp/devmap", XDP_PASS)
PROGRAM(cpumap, "xdp/cpumap", XDP_PASS)
PROGRAM(frags, "xdp.frags", XDP_PASS)
PROGRAM(sk_verdict, "sk_skb/verdict", 1)
PROGRAM(tcx, "tcx/ingress", 0)
PROGRAM(netkit, "netkit/primary", 0)
PROGRAM(sock_release, "cgroup/sock_release", 1)
PROGRAM(peername, "cgroup/getpeername4", 1)
PROGRAM(unix_connect, "cgroup/connect_unix", 1)
PROGRAM(lsm_cgroup, "lsm_cgroup/file_open", 1)
PROGRAM(sk_lookup, "sk_lookup", 1)
PROGRAM(netfilter, "netfilter", 1)
PROGRAM(unknown, "nobody/knows", 0)

char _license[] SEC("license") = "GPL";
