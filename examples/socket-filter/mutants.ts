// SPDX-License-Identifier: MIT
// Small changes to dns-tap.bpf.c, each of which Linux judges: most break a rule, some keep all of them.
import { edit, type Mutant } from '../../tools/kernel-words/mutant.ts';

const FIRST = '\tif (skb->protocol == bpf_htons(ETH_P_IP)) {\n';
const VALUE_CHECK = '\tif (value)\n\t\t__sync_fetch_and_add(value, 1);';

/** Statements put before the first ones of the program. */
const atStart = (name: string, statements: string): Mutant => edit(name, FIRST, `\t${statements}\n${FIRST}`);

export const MUTANTS: readonly Mutant[] = [
  edit('no NULL check on a counter', VALUE_CHECK, '\t__sync_fetch_and_add(value, 1);'),
  edit('the NULL check on a counter is inverted', VALUE_CHECK, VALUE_CHECK.replace('(value)\n', '(!value)\n')),
  edit('a counter is added to past its end', 'add(value, 1)', 'add(value + 1, 1)'),
  edit('a counter is added to across its end', 'add(value, 1)', 'add((__u64 *)((void *)value + 4), 1)'),
  edit('a counter is added to in halves', 'add(value, 1)', 'add((__u32 *)value, 1)'),
  edit('the id of a question is not initialised', 'id = load_half(skb, at + UDP_HEADER);', ''),
  edit('the id is a byte', '__u16 id;', '__u8 id;'),
  edit('the packet is read at a place of the driver', 'load_byte(skb, NET(9))', 'load_byte(skb, 23)'),
  edit('the packet is read behind its end', 'load_byte(skb, NET(9))', 'load_byte(skb, 60000)'),
  edit('the packet is read at its link header', 'load_byte(skb, NET(9))', 'load_byte(skb, SKF_LL_OFF + 12)'),
  edit('the packet is read at no place at all', 'load_byte(skb, NET(9))', 'load_byte(skb, SKF_AD_OFF)'),
  edit('the packet is read before its network header', 'load_byte(skb, NET(9))', 'load_byte(skb, NET(-3))'),
  edit('words are read at odd places', 'load_word(skb, NET(12))', 'load_word(skb, NET(13))'),
  edit('more is kept than there is', 'return ALL;', 'return 0x7fffffff;'),
  edit('a negative number is kept', 'return ALL;', 'return -1;'),
  atStart('the packet is read through its pointers', 'protocol = *(volatile __u8 *)(long)skb->data;'),
  atStart('the mark is read', 'if (skb->mark == 7) return 0;'),
  atStart('the mark is written', 'skb->mark = 7;'),
  atStart(
    'control bytes are written',
    'skb->cb[1] = 7; if (load_byte(skb, NET(0)) == 0x45 && skb->cb[1] == 7) return 99;',
  ),
  atStart('the class is read', 'if (skb->tc_classid) return 0;'),
  atStart('the time stamp is read', 'if (skb->tstamp == 77) return 0;'),
  atStart('the family of a socket is read', 'if (skb->family == 77) return 0;'),
  atStart('the hash is read', 'if (skb->hash == 0x12345) return 1;'),
  atStart(
    'the length and the tag are read',
    'if (skb->vlan_present) return skb->vlan_tci; if (skb->len > 400) return skb->len;',
  ),
  atStart('the device and the queue are read', 'if (skb->ifindex == 77 || skb->queue_mapping == 9) return 1;'),
  atStart('the packet type is read', 'if (skb->pkt_type == 3) return 40 + skb->priority;'),
  atStart(
    'bytes are loaded by the helper',
    'char b[4] = {}; bpf_skb_load_bytes(skb, 0, b, 4); if (b[0] == 0x45) return b[3];',
  ),
  atStart(
    'bytes are loaded by the helper, relative to the network header',
    'char b[4] = {}; bpf_skb_load_bytes_relative(skb, 0, b, 4, BPF_HDR_START_NET); if (b[0] == 0x45) return b[3];',
  ),
  atStart('bytes are stored', 'char b[4] = {}; bpf_skb_store_bytes(skb, 0, b, 4, 0);'),
  atStart('the packet is made linear', 'bpf_skb_pull_data(skb, 0);'),
  atStart(
    'a register is used after a load from the packet clobbered it',
    'asm volatile("r6 = %0; r1 = 7; r0 = *(u8 *)skb[0]; r0 += r1" :: "r"(skb) : "r0", "r1", "r2", "r3", "r4", "r5", "r6");',
  ),
  atStart(
    'a load from the packet without the context in r6',
    'asm volatile("r6 = 0; r0 = *(u8 *)skb[0]" ::: "r0", "r1", "r2", "r3", "r4", "r5", "r6");',
  ),
  atStart(
    'a load from the packet with an uninitialised r6',
    'asm volatile("r6 = r10; r0 = *(u8 *)skb[0]" ::: "r0", "r1", "r2", "r3", "r4", "r5", "r6");',
  ),
  atStart(
    'a load from the packet at a pointer',
    'asm volatile("r6 = %0; r7 = r10; r0 = *(u8 *)skb[r7]" :: "r"(skb) : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7");',
  ),
  edit('loads in a subprogram', 'static __always_inline int transport', 'static __noinline int transport'),
  edit('a subprogram without loads', 'static __always_inline void count', 'static __noinline void count'),
  edit('another licence', 'SEC("license") = "GPL"', 'SEC("license") = "Proprietary"'),
];
