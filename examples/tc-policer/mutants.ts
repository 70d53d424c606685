// SPDX-License-Identifier: MIT
// Small changes to policer.bpf.c, each of which Linux judges: most break a rule, some keep all of them.
import { edit, type Mutant } from '../../tools/kernel-words/mutant.ts';

const IP_CHECK = '\tif ((void *)(ip + 1) > end)\n\t\treturn TC_ACT_SHOT;';
const PORT_CHECK = 'if ((void *)(ports + 2) > end)';
const LAST = '\tskb->priority = outcome;\n';
const TALLY = '\tif (tally) {\n';

/** Statements put before the last ones of the program. */
const atEnd = (name: string, statements: string): Mutant => edit(name, LAST, `\t${statements}\n${LAST}`);

export const MUTANTS: readonly Mutant[] = [
  edit('no bounds check before the IPv4 header', IP_CHECK, ''),
  edit('the IPv4 check is one byte short', IP_CHECK, IP_CHECK.replace('(ip + 1)', 'ip + 19')),
  edit('no bounds check before the ports', PORT_CHECK, 'if (0)'),
  edit('the ports check is one byte short', PORT_CHECK, 'if ((void *)ports + 3 > end)'),
  edit('the ports check is stricter than need be', PORT_CHECK, 'if ((void *)(ports + 4) > end)'),
  edit('the header length is not limited', 'ip->ihl * 4', '*(__u64 *)ip'),
  edit('no NULL check on a tally', TALLY, '\t{\n'),
  edit('the NULL check on a tally is inverted', TALLY, '\tif (!tally) {\n'),
  edit('no NULL check on a bucket', '\tif (!bucket) {\n', '\tif (0) {\n'),
  edit('a tally is written past its end', 'tally->packets += 1;', 'tally[1].packets += 1;'),
  edit('the key is not initialised', 'struct flow flow = {};', 'struct flow flow;'),
  edit(
    'the fresh bucket is half initialised',
    'struct bucket fresh = { .tokens = burst, .updated_ns = now };',
    'struct bucket fresh;\n\t\tfresh.tokens = burst;',
  ),
  edit(
    'the packet is written to after a helper moved it',
    '\treturn bpf_l3_csum_replace(',
    '\tbpf_skb_pull_data(skb, 0);\n\tip->ttl = 1;\n\treturn bpf_l3_csum_replace(',
  ),
  edit(
    'the packet is written to after its checksum',
    'skb->priority = outcome;',
    'ip->ttl -= 1;\n\tskb->priority = outcome;',
  ),
  edit('the packet is written past its end', 'ip->tos |= ECN_CONGESTED;', '((__u8 *)ip)[20] = 1;'),
  atEnd('data is written to', '*(volatile __u32 *)&skb->data = 0;'),
  atEnd('the length is written to', '*(volatile __u32 *)&skb->len = 0;'),
  atEnd('the protocol is written to', '*(volatile __u32 *)&skb->protocol = 0;'),
  atEnd('the mark is written to', 'skb->mark = 7;'),
  atEnd('the class is written to', 'skb->tc_classid = 7;'),
  atEnd('control bytes are written to', '((volatile __u8 *)skb->cb)[3] = 7;'),
  atEnd('control bytes are written past their end', '((volatile __u32 *)skb->cb)[5] = 7;'),
  atEnd('half the mark is read', 'outcome += *(volatile __u16 *)&skb->mark;'),
  atEnd('half the mark is written', '*(volatile __u16 *)&skb->mark = 1;'),
  atEnd('a pointer is half read', 'outcome += *(volatile __u16 *)&skb->data;'),
  atEnd('the context is read past its end', 'outcome += *(volatile __u32 *)((void *)skb + 512);'),
  atEnd('the family of a socket is read', 'outcome += *(volatile __u32 *)((void *)skb + 88);'),
  atEnd('the time stamp is read', 'skb->priority += skb->tstamp >> 32;'),
  atEnd('the time stamp is written in halves', '*(volatile __u32 *)&skb->tstamp = 0;'),
  atEnd('metadata is read unchecked', 'outcome += *(volatile __u8 *)(long)skb->data_meta;'),
  atEnd(
    'a socket is looked up and not released',
    'struct bpf_sock_tuple t = {}; if (bpf_sk_lookup_udp(skb, &t, sizeof(t.ipv4), 0, 0)) outcome = PASSED;',
  ),
  atEnd(
    'a socket is looked up and released',
    'struct bpf_sock_tuple t = {}; struct bpf_sock *sk = bpf_sk_lookup_udp(skb, &t, sizeof(t.ipv4), 0, 0); if (sk) bpf_sk_release(sk);',
  ),
  atEnd('no socket is released', 'bpf_sk_release((struct bpf_sock *)0);'),
  atEnd('a redirect takes the place of the verdict', 'if (outcome == MARKED) return bpf_clone_redirect(skb, 1, 8);'),
  atEnd(
    'bytes are loaded onto too little stack',
    'char buf[4]; bpf_skb_load_bytes(skb, 0, buf, 600); outcome += buf[0];',
  ),
  atEnd(
    'as many bytes are loaded as the packet says',
    'char buf[64]; bpf_skb_load_bytes(skb, 0, buf, skb->len); outcome += buf[0];',
  ),
  atEnd('no bytes are loaded', 'char buf[8]; bpf_skb_load_bytes(skb, 0, buf, 0); outcome += buf[0];'),
  atEnd('a helper of XDP is called', 'bpf_xdp_adjust_head((void *)skb, 4);'),
  atEnd('a checksum of words', '__u32 w[2] = { 1, 2 }; outcome += bpf_csum_diff(0, 0, w, 8, 0) & 1;'),
  edit('the verdict is out of range', 'TC_ACT_SHOT : TC_ACT_OK', '77 : TC_ACT_OK'),
  edit('the licence is another', 'SEC("license") = "GPL"', 'SEC("license") = "Proprietary"'),
];
