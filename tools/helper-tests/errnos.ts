// SPDX-License-Identifier: MIT
// Which errno each helper of Linux v5.6 may answer, as the reference has it, and those that no test can provoke here.

/** By helper; helpers that are not listed answer none. */
export const HELPER_ERRNOS: Readonly<Record<string, readonly string[]>> = {
  map_update_elem: ['E2BIG', 'EEXIST', 'EINVAL', 'ENOENT', 'ENOMEM'],
  map_delete_elem: ['EINVAL', 'ENOENT'],
  probe_read: ['EFAULT'],
  trace_printk: ['EINVAL'],
  skb_store_bytes: ['EFAULT', 'EINVAL'],
  l3_csum_replace: ['EFAULT', 'EINVAL'],
  l4_csum_replace: ['EFAULT', 'EINVAL'],
  clone_redirect: ['EINVAL', 'ENOMEM', 'ERANGE'],
  perf_event_read: ['E2BIG', 'EINVAL', 'ENOENT'],
  perf_event_output: ['E2BIG', 'EFAULT', 'EINVAL', 'ENOENT', 'EOPNOTSUPP'],
  skb_load_bytes: ['EFAULT'],
  get_stackid: ['EEXIST', 'EFAULT', 'EINVAL', 'ENOMEM'],
  csum_diff: ['EINVAL'],
  skb_change_proto: ['EINVAL', 'ENOTSUPP'],
  skb_change_type: ['EINVAL'],
  skb_under_cgroup: ['E2BIG', 'EAGAIN', 'ENOENT'],
  probe_write_user: ['EFAULT', 'EPERM'],
  current_task_under_cgroup: ['E2BIG', 'EAGAIN'],
  skb_change_tail: ['EINVAL', 'ENOTSUPP'],
  skb_pull_data: ['ENOMEM'],
  csum_update: ['ENOTSUPP'],
  skb_change_head: ['EINVAL', 'ENOMEM'],
  xdp_adjust_head: ['EINVAL'],
  setsockopt: ['EINVAL'],
  getsockopt: ['EINVAL'],
  skb_adjust_room: ['EFAULT', 'EINVAL', 'ENOTSUPP'],
  sock_map_update: ['EBUSY', 'EEXIST', 'EINVAL', 'ENOENT', 'EOPNOTSUPP'],
  xdp_adjust_meta: ['EACCES', 'EINVAL'],
  perf_event_read_value: ['EINVAL'],
  perf_prog_read_value: ['EINVAL'],
  override_return: [],
  sock_ops_cb_flags_set: ['EINVAL'],
  msg_pull_data: ['EINVAL'],
  bind: ['EAFNOSUPPORT', 'EINVAL'],
  xdp_adjust_tail: ['EINVAL'],
  get_stack: ['EFAULT', 'EINVAL'],
  skb_load_bytes_relative: ['EFAULT'],
  map_push_elem: ['E2BIG', 'EINVAL'],
  map_pop_elem: ['ENOENT'],
  map_peek_elem: ['ENOENT'],
  msg_push_data: ['EINVAL'],
  msg_pop_data: ['EINVAL'],
  sysctl_get_name: ['E2BIG'],
  sysctl_get_current_value: ['E2BIG'],
  sysctl_get_new_value: ['E2BIG', 'EINVAL'],
  sysctl_set_new_value: ['EINVAL'],
  strtol: ['EINVAL', 'ERANGE'],
  strtoul: ['EINVAL', 'ERANGE'],
  sk_storage_delete: ['ENOENT'],
  send_signal: ['EINVAL', 'EPERM'],
  probe_read_user: ['EFAULT'],
  probe_read_kernel: ['EFAULT'],
};

/** What the simulated kernel cannot come to, and why. */
export const UNREACHABLE: Readonly<Record<string, string>> = {
  'probe_read EPERM': 'there is no lockdown',
  'get_current_pid_tgid EINVAL': 'there is always a current task',
  'clone_redirect ENETDOWN': 'devices do not send to themselves without end: a frame is sent once',
  'perf_event_output EBUSY': 'programs nest no more than three deep',
  'xdp_adjust_meta ENOTSUPP': 'all simulated drivers have room for metadata',
  'sk_release EINVAL': 'the verifier says it',
  'send_signal EBUSY': 'signals are delivered at once, whatever interrupts are',
};

/**
 * Helpers of sockets in maps, whose tests drive whole streams and compare them with Linux (`tools/net-differential`): by
 * verdict and bytes, without naming helper and errno side by side.
 */
export const BY_STREAMS: readonly string[] = [
  'sk_redirect_map',
  'sk_redirect_hash',
  'sock_map_update',
  'sock_hash_update',
  'msg_redirect_map',
  'msg_redirect_hash',
  'msg_apply_bytes',
  'msg_cork_bytes',
  'msg_pull_data',
  'msg_push_data',
  'msg_pop_data',
];
