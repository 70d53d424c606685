// SPDX-License-Identifier: MIT
import type { Tracepoint } from '@tsbpf/core';

/** Tracepoints that networking fires. @see include/trace/events/xdp.h, bpf_test_run.h */
export const NET_TRACEPOINTS: readonly Tracepoint[] = [
  { name: 'xdp_exception', numArgs: 3, writableSize: 0 },
  { name: 'xdp_redirect', numArgs: 6, writableSize: 0 },
  { name: 'xdp_redirect_err', numArgs: 6, writableSize: 0 },
  { name: 'xdp_redirect_map', numArgs: 6, writableSize: 0 },
  { name: 'xdp_redirect_map_err', numArgs: 6, writableSize: 0 },
  { name: 'xdp_devmap_xmit', numArgs: 5, writableSize: 0 },
  { name: 'xdp_cpumap_enqueue', numArgs: 4, writableSize: 0 },
  { name: 'xdp_cpumap_kthread', numArgs: 4, writableSize: 0 },
  { name: 'bpf_test_finish', numArgs: 1, writableSize: 4 },
];
