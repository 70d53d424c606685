// SPDX-License-Identifier: MIT
// What v5.6 has below /proc/sys/net/ipv4 besides the first few, with the values a network namespace starts with.
// @see net/ipv4/sysctl_net_ipv4.c, ipv4_net_table; net/ipv4/route.c, ipv4_route_table
import type { SysctlOptions } from './sysctls.ts';

/** Ticks a second: what times are kept in, so that times have a largest one. */
const HZ = 250n;
const INT_MAX = 0x7fffffffn;
const UINT_MAX = 0xffffffffn;

type Bounds = Pick<SysctlOptions, 'min' | 'max'>;

const ints = (dir: string, bounds: Bounds, values: Readonly<Record<string, number>>): SysctlOptions[] =>
  Object.entries(values).map(([name, value]) => ({ name: `${dir}/${name}`, type: 'int', value, ...bounds }));

const SECONDS: Bounds = { min: -(INT_MAX / HZ), max: INT_MAX / HZ };
const IPV4 = 'net/ipv4';
const ROUTE = 'net/ipv4/route';

export const IPV4_SYSCTLS: readonly SysctlOptions[] = [
  ...ints(
    IPV4,
    {},
    {
      icmp_echo_ignore_all: 0,
      icmp_echo_ignore_broadcasts: 1,
      icmp_ignore_bogus_error_responses: 1,
      icmp_errors_use_inbound_ifaddr: 0,
      icmp_ratemask: 6168,
      tcp_ecn_fallback: 1,
      ip_dynaddr: 0,
      ip_early_demux: 1,
      udp_early_demux: 1,
      tcp_early_demux: 1,
      ip_no_pmtu_disc: 0,
      ip_forward_use_pmtu: 0,
      fwmark_reflect: 0,
      tcp_fwmark_accept: 0,
      tcp_mtu_probing: 0,
      tcp_base_mss: 1024,
      tcp_probe_threshold: 8,
      igmp_link_local_mcast_reports: 1,
      igmp_max_memberships: 20,
      igmp_max_msf: 10,
      tcp_keepalive_probes: 9,
      tcp_reordering: 3,
      tcp_orphan_retries: 0,
      tcp_sack: 1,
      tcp_window_scaling: 1,
      tcp_timestamps: 1,
      tcp_recovery: 1,
      tcp_thin_linear_timeouts: 0,
      tcp_slow_start_after_idle: 1,
      tcp_retrans_collapse: 1,
      tcp_stdurg: 0,
      tcp_rfc1337: 0,
      tcp_abort_on_overflow: 0,
      tcp_fack: 0,
      tcp_max_reordering: 300,
      tcp_dsack: 1,
      tcp_app_win: 31,
      tcp_frto: 2,
      tcp_no_metrics_save: 0,
      tcp_moderate_rcvbuf: 1,
      tcp_tso_win_divisor: 3,
      tcp_workaround_signed_windows: 0,
      tcp_limit_output_bytes: 1048576,
      tcp_challenge_ack_limit: 1000,
      tcp_low_latency: 0,
    },
  ),
  ...ints(IPV4, { min: 0n, max: 1n }, { ip_forward_update_priority: 1, tcp_autocorking: 1 }),
  ...ints(IPV4, { min: 0n, max: 2n }, { tcp_tw_reuse: 2 }),
  ...ints(IPV4, { min: 0n, max: 4n }, { tcp_early_retrans: 3 }),
  ...ints(IPV4, { min: 0n, max: 255n }, { tcp_retries1: 3, tcp_comp_sack_nr: 44 }),
  ...ints(IPV4, { min: 0n, max: 1000n }, { tcp_pacing_ss_ratio: 200, tcp_pacing_ca_ratio: 120 }),
  ...ints(IPV4, { min: 0n, max: 86400n }, { tcp_min_rtt_wlen: 300 }),
  ...ints(IPV4, { min: 0n }, { icmp_msgs_per_sec: 1000, icmp_msgs_burst: 50 }),
  ...ints(IPV4, { min: 1n }, { igmp_qrv: 2, udp_rmem_min: 4096, udp_wmem_min: 4096 }),
  ...ints(IPV4, { min: 1n, max: 255n }, { ip_default_ttl: 64 }),
  ...ints(IPV4, { min: 1n, max: 65535n }, { tcp_min_tso_segs: 2 }),
  ...ints(IPV4, { min: -31n, max: 31n }, { tcp_adv_win_scale: 1 }),
  ...ints(IPV4, { min: 48n, max: 65535n }, { tcp_min_snd_mss: 48, tcp_mtu_probe_floor: 48 }),
  ...ints(IPV4, {}, { tcp_synack_retries: 5, tcp_fastopen: 1 }),
  ...ints(IPV4, { min: 0n, max: UINT_MAX }, { tcp_probe_interval: 600 }),
  ...ints(IPV4, SECONDS, { tcp_keepalive_time: 7200, tcp_keepalive_intvl: 75, tcp_fin_timeout: 60 }),
  { name: `${IPV4}/tcp_comp_sack_delay_ns`, type: 'ulong', value: 1000000 },

  ...ints(
    ROUTE,
    {},
    {
      gc_thresh: -1,
      max_size: 2147483647,
      gc_elasticity: 8,
      redirect_load: 5,
      redirect_number: 9,
      redirect_silence: 5120,
      error_cost: 250,
      error_burst: 1250,
      min_adv_mss: 256,
    },
  ),
  ...ints(ROUTE, { min: 68n }, { min_pmtu: 552 }),
  ...ints(ROUTE, SECONDS, { mtu_expires: 600, gc_min_interval: 0, gc_timeout: 300, gc_interval: 60 }),
];
