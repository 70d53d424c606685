// SPDX-License-Identifier: MIT

/** Prototypes whose function has a name of its own. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  bpf_get_prandom_u32: 'bpf_user_rnd_u32',
  bpf_get_raw_smp_processor_id: 'bpf_get_raw_cpu_id',
  bpf_skb_output: 'bpf_skb_event_output',
  rc_repeat: 'bpf_rc_repeat',
  rc_keydown: 'bpf_rc_keydown',
  rc_pointer_rel: 'bpf_rc_pointer_rel',
};

/** The kernel function behind a helper variant, as kallsyms names it. */
export function helperSymbol(variant: string): string {
  return OTHER_NAMES[variant] ?? variant.replace(/_proto_(raw_tp|tp)$/, '_$1');
}
