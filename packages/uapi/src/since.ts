// SPDX-License-Identifier: MIT
// What came to BPF after Linux 5.6, by the number that a program asks for it with, so that a refusal can say which
// kernel would take it.

/** Something of BPF and the first version of Linux that has it. */
export interface Since {
  /** Its name, as users write it. */
  readonly name: string;
  /** `major.minor`. */
  readonly version: string;
}

const FIRST_LATER_HELPER = 119;

/** In the order of their numbers. */
const HELPERS: readonly (readonly [version: string, names: string])[] = [
  [
    '5.7',
    'read_branch_records get_ns_current_pid_tgid xdp_output get_netns_cookie get_current_ancestor_cgroup_id sk_assign',
  ],
  ['5.8', 'ktime_get_boot_ns seq_printf seq_write sk_cgroup_id sk_ancestor_cgroup_id'],
  ['5.8', 'ringbuf_output ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query csum_level'],
  [
    '5.9',
    'skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock get_task_stack',
  ],
  ['5.10', 'load_hdr_opt store_hdr_opt reserve_hdr_opt inode_storage_get inode_storage_delete d_path copy_from_user'],
  ['5.10', 'snprintf_btf seq_printf_btf skb_cgroup_classid redirect_neigh per_cpu_ptr this_cpu_ptr redirect_peer'],
  [
    '5.11',
    'task_storage_get task_storage_delete get_current_task_btf bprm_opts_set ktime_get_coarse_ns ima_inode_hash',
  ],
  ['5.11', 'sock_from_file'],
  ['5.12', 'check_mtu'],
  ['5.13', 'for_each_map_elem snprintf'],
  ['5.14', 'sys_bpf btf_find_by_name_kind sys_close'],
  ['5.15', 'timer_init timer_set_callback timer_start timer_cancel get_func_ip get_attach_cookie task_pt_regs'],
  ['5.16', 'get_branch_snapshot trace_vprintk skc_to_unix_sock kallsyms_lookup_name'],
  ['5.17', 'find_vma loop strncmp get_func_arg get_func_ret get_func_arg_cnt'],
  ['5.18', 'get_retval set_retval xdp_get_buff_len xdp_load_bytes xdp_store_bytes copy_from_user_task skb_set_tstamp'],
  ['5.18', 'ima_file_hash'],
  ['5.19', 'kptr_xchg map_lookup_percpu_elem skc_to_mptcp_sock dynptr_from_mem ringbuf_reserve_dynptr'],
  ['5.19', 'ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_read dynptr_write dynptr_data'],
  [
    '6.0',
    'tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4 tcp_raw_check_syncookie_ipv6',
  ],
  ['6.1', 'ktime_get_tai_ns user_ringbuf_drain'],
  ['6.2', 'cgrp_storage_get cgrp_storage_delete'],
];

const numbered = HELPERS.flatMap(([version, names]) =>
  names.split(' ').map((name): Since => ({ name: `bpf_${name}`, version })),
);

/** Helpers of later versions, by number. @see include/uapi/linux/bpf.h, `___BPF_FUNC_MAPPER` */
export const LATER_HELPERS: ReadonlyMap<number, Since> = new Map(
  numbered.map((helper, i) => [FIRST_LATER_HELPER + i, helper]),
);

const table = (
  first: number,
  rows: readonly (readonly [name: string, version: string])[],
): ReadonlyMap<number, Since> => new Map(rows.map(([name, version], i) => [first + i, { name, version }]));

/** Map types of later versions, by number. @see include/uapi/linux/bpf.h, `enum bpf_map_type` */
export const LATER_MAP_TYPES: ReadonlyMap<number, Since> = table(27, [
  ['BPF_MAP_TYPE_RINGBUF', '5.8'],
  ['BPF_MAP_TYPE_INODE_STORAGE', '5.10'],
  ['BPF_MAP_TYPE_TASK_STORAGE', '5.11'],
  ['BPF_MAP_TYPE_BLOOM_FILTER', '5.16'],
  ['BPF_MAP_TYPE_USER_RINGBUF', '6.1'],
  ['BPF_MAP_TYPE_CGRP_STORAGE', '6.2'],
  ['BPF_MAP_TYPE_ARENA', '6.9'],
]);

/** Program types of later versions, by number. @see include/uapi/linux/bpf.h, `enum bpf_prog_type` */
export const LATER_PROG_TYPES: ReadonlyMap<number, Since> = table(29, [
  ['BPF_PROG_TYPE_LSM', '5.7'],
  ['BPF_PROG_TYPE_SK_LOOKUP', '5.9'],
  ['BPF_PROG_TYPE_SYSCALL', '5.14'],
  ['BPF_PROG_TYPE_NETFILTER', '6.4'],
]);

/** Attach types of later versions, by number. @see include/uapi/linux/bpf.h, `enum bpf_attach_type` */
export const LATER_ATTACH_TYPES: ReadonlyMap<number, Since> = table(26, [
  ['BPF_MODIFY_RETURN', '5.7'],
  ['BPF_LSM_MAC', '5.7'],
  ['BPF_TRACE_ITER', '5.8'],
  ['BPF_CGROUP_INET4_GETPEERNAME', '5.8'],
  ['BPF_CGROUP_INET6_GETPEERNAME', '5.8'],
  ['BPF_CGROUP_INET4_GETSOCKNAME', '5.8'],
  ['BPF_CGROUP_INET6_GETSOCKNAME', '5.8'],
  ['BPF_XDP_DEVMAP', '5.8'],
  ['BPF_CGROUP_INET_SOCK_RELEASE', '5.9'],
  ['BPF_XDP_CPUMAP', '5.9'],
  ['BPF_SK_LOOKUP', '5.9'],
  ['BPF_XDP', '5.9'],
  ['BPF_SK_SKB_VERDICT', '5.13'],
  ['BPF_SK_REUSEPORT_SELECT', '5.14'],
  ['BPF_SK_REUSEPORT_SELECT_OR_MIGRATE', '5.14'],
  ['BPF_PERF_EVENT', '5.15'],
  ['BPF_TRACE_KPROBE_MULTI', '5.18'],
  ['BPF_LSM_CGROUP', '6.0'],
  ['BPF_STRUCT_OPS', '6.7'],
  ['BPF_NETFILTER', '6.4'],
  ['BPF_TCX_INGRESS', '6.6'],
  ['BPF_TCX_EGRESS', '6.6'],
  ['BPF_TRACE_UPROBE_MULTI', '6.6'],
  ['BPF_CGROUP_UNIX_CONNECT', '6.7'],
  ['BPF_CGROUP_UNIX_SENDMSG', '6.7'],
  ['BPF_CGROUP_UNIX_RECVMSG', '6.7'],
  ['BPF_CGROUP_UNIX_GETPEERNAME', '6.7'],
  ['BPF_CGROUP_UNIX_GETSOCKNAME', '6.7'],
  ['BPF_NETKIT_PRIMARY', '6.7'],
  ['BPF_NETKIT_PEER', '6.7'],
  ['BPF_TRACE_KPROBE_SESSION', '6.10'],
  ['BPF_TRACE_UPROBE_SESSION', '6.13'],
]);

/** Flags of BPF_PROG_LOAD of later versions. @see include/uapi/linux/bpf.h, `BPF_F_*` */
export const LATER_PROG_FLAGS: ReadonlyMap<number, Since> = new Map([
  [1 << 4, { name: 'BPF_F_SLEEPABLE', version: '5.10' }],
  [1 << 5, { name: 'BPF_F_XDP_HAS_FRAGS', version: '5.18' }],
  [1 << 6, { name: 'BPF_F_XDP_DEV_BOUND_ONLY', version: '6.3' }],
  [1 << 7, { name: 'BPF_F_TEST_REG_INVARIANTS', version: '6.8' }],
]);

/** Flags of BPF_MAP_CREATE of later versions. @see include/uapi/linux/bpf.h, `BPF_F_*` */
export const LATER_MAP_FLAGS: ReadonlyMap<number, Since> = new Map([
  [1 << 11, { name: 'BPF_F_PRESERVE_ELEMS', version: '5.10' }],
  [1 << 12, { name: 'BPF_F_INNER_MAP', version: '5.10' }],
  [1 << 13, { name: 'BPF_F_LINK', version: '6.4' }],
  [1 << 14, { name: 'BPF_F_PATH_FD', version: '6.5' }],
  [1 << 15, { name: 'BPF_F_VTYPE_BTF_OBJ_FD', version: '6.9' }],
  [1 << 16, { name: 'BPF_F_TOKEN_FD', version: '6.9' }],
  [1 << 17, { name: 'BPF_F_SEGV_ON_FAULT', version: '6.9' }],
  [1 << 18, { name: 'BPF_F_NO_USER_CONV', version: '6.9' }],
]);

/** Whether a kernel of this version (`release` begins with it, as uname's) is older than `since`. */
export function isOlderThan(release: string, { version }: Since): boolean {
  const [major, minor] = release.split('.').map((part) => parseInt(part, 10));
  const [needMajor, needMinor] = version.split('.').map(Number);
  return major < needMajor || (major === needMajor && (minor || 0) < needMinor);
}
