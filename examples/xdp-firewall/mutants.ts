// SPDX-License-Identifier: MIT
// Small changes to firewall.bpf.c, each of which Linux judges: most break a rule, some keep all of them.

import { edit as one, type Mutant } from '../../tools/kernel-words/mutant.ts';

const ETH_CHECK = 'if ((void *)(eth + 1) > c.end) {';
const VLAN_CHECK = 'if ((void *)(vlan + 1) > c.end) {';
const TCP_CHECK = 'if ((void *)(tcp + 1) > c->end)';
const UDP_CHECK = 'if ((void *)(udp + 1) > c->end)';
const EXT_CHECK = 'if ((void *)(ext + 8) > c->end)';
const IP4_CHECK = 'if ((void *)(ip + 1) > c->end)\n\t\tgoto malformed;\n\theader';
const IP6_CHECK = 'if ((void *)(ip + 1) > c->end)\n\t\tgoto malformed;\n\tcount(COUNT_IPV6);';
const COUNT_BODY = '\tif (value)\n\t\t*value += 1;';
const PROLOGUE = '\tint verdict = XDP_PASS;\n';
const LAST = '\tlast_verdict = verdict;\n\treturn verdict;';

/** Statements put before the final return. */
const atEnd = (name: string, statements: string): Mutant => one(name, LAST, `\t${statements}\n${LAST}`);

export const MUTANTS: readonly Mutant[] = [
  one('no bounds check before the Ethernet header', ETH_CHECK, 'if (0) {'),
  one('no bounds check before the VLAN header', VLAN_CHECK, 'if (0) {'),
  one('no bounds check before the TCP header', TCP_CHECK, 'if (0)'),
  one('no bounds check before the UDP header', UDP_CHECK, 'if (0)'),
  one('no bounds check before an extension header', EXT_CHECK, 'if (0)'),
  one(
    'no bounds check before the IPv4 header',
    IP4_CHECK,
    IP4_CHECK.replace('if ((void *)(ip + 1) > c->end)', 'if (0)'),
  ),
  one(
    'no bounds check before the IPv6 header',
    IP6_CHECK,
    IP6_CHECK.replace('if ((void *)(ip + 1) > c->end)', 'if (0)'),
  ),
  one('the Ethernet check is one byte short', ETH_CHECK, 'if ((void *)eth + 13 > c.end) {'),
  one('the VLAN check is one byte short', VLAN_CHECK, 'if ((void *)vlan + 3 > c.end) {'),
  one('the TCP check is one byte short', TCP_CHECK, 'if ((void *)tcp + 3 > c->end)'),
  one('the TCP check covers just what is read', TCP_CHECK, 'if ((void *)tcp + 4 > c->end)'),
  one('the bounds check is the wrong way round', UDP_CHECK, 'if ((void *)(udp + 1) < c->end)'),
  one('the bounds check is stricter than need be', UDP_CHECK, 'if ((void *)(udp + 1) >= c->end)'),
  one('no NULL check on a counter', COUNT_BODY, '\t*value += 1;'),
  one('the NULL check on a counter is inverted', COUNT_BODY, '\tif (!value)\n\t\t*value += 1;'),
  one('no NULL check on a rule', 'return rule && *rule;', 'return *rule;'),
  one('no NULL check on a source', '\tif (!src) {\n', '\tif (0) {\n'),
  one('a counter is read past its end', COUNT_BODY, '\tif (value)\n\t\tvalue[1] += 1;'),
  one('a counter is read before its start', COUNT_BODY, '\tif (value)\n\t\tvalue[-1] += 1;'),
  one(
    'a source is written past its end',
    'src->last_port = port;\n\t\tsrc->last',
    '((__u64 *)src)[3] = port;\n\t\tsrc->last',
  ),
  one('a source is indexed by the TTL, unchecked', 'src->packets += 1;', '((__u8 *)src)[ip->ttl] = 1;'),
  one('a source is indexed by the TTL, masked', 'src->packets += 1;', '((volatile __u8 *)src)[ip->ttl & 7] = 1;'),
  one('the value to insert is not initialised', 'struct source fresh = {};', 'struct source fresh;'),
  atEnd(
    'the key is not initialised',
    'void *key; asm volatile("%0 = r10; %0 += -400" : "=r"(key)); bpf_map_lookup_elem(&counters, key);',
  ),
  atEnd('the context is passed as a key', 'bpf_map_lookup_elem(&counters, ctx);'),
  atEnd('a number is passed as a key', 'bpf_map_lookup_elem(&counters, (void *)8);'),
  atEnd('NULL is passed as a key', 'bpf_map_lookup_elem(&counters, (void *)0);'),
  atEnd('a map is passed as a key', 'bpf_map_lookup_elem(&counters, &sources);'),
  atEnd('a packet is passed as a key', 'bpf_map_lookup_elem(&sources, eth);'),
  atEnd('a packet is passed as a key that does not fit', 'bpf_map_update_elem(&sources, eth, eth, BPF_ANY);'),
  atEnd('the context is written to', '*(volatile __u32 *)&ctx->ingress_ifindex = 1;'),
  atEnd('the context is read past its end', 'verdict += *(volatile __u32 *)((void *)ctx + 64);'),
  atEnd('half a field of the context is read', 'verdict += *(volatile __u16 *)((void *)ctx + 12);'),
  atEnd(
    'the context is read through an offset',
    'asm volatile("r1 = %1; r1 += 4; %0 = *(u32 *)(r1 + 0)" : "=r"(proto) : "r"(ctx) : "r1");',
  ),
  atEnd('a register is not initialised', 'asm volatile("%0 = r5" : "=r"(verdict)); asm volatile("" ::: "r5");'),
  atEnd('a helper of another program type is called', 'bpf_skb_load_bytes((void *)ctx, 0, &proto, 2);'),
  atEnd('an unknown helper is called', '((int (*)(void))5000)();'),
  atEnd('a packet is read after it moved', 'bpf_xdp_adjust_head(ctx, 4); verdict += *(volatile __u8 *)eth;'),
  atEnd('a packet is written to', '((volatile struct ethhdr *)eth)->h_source[0] = 1;'),
  atEnd('a constant is written to', '*(volatile __u16 *)&min_ttl = 3;'),
  atEnd('a variable is divided by zero', 'asm volatile("%0 /= 0" : "+r"(verdict));'),
  atEnd('a variable is divided by a register', 'asm volatile("%0 /= %1" : "+r"(verdict) : "r"((long)i));'),
  atEnd('a shift is out of range', 'asm volatile("%0 <<= 64" : "+r"(verdict));'),
  atEnd('a pointer is multiplied', 'asm volatile("r1 = %0; r1 *= 2" :: "r"(eth) : "r1");'),
  atEnd('two pointers are added', 'asm volatile("r1 = %0; r1 += %1" :: "r"(eth), "r"(c.end) : "r1");'),
  atEnd(
    'a pointer is shortened',
    'asm volatile("r1 = %0; w1 += 1; %0 = r1" : "+r"(eth) :: "r1"); verdict += *(volatile __u8 *)eth;',
  ),
  atEnd('a loop never ends', 'asm volatile("r1 = 0; 1: r1 += 0; if r1 != 1 goto 1b" ::: "r1");'),
  atEnd('a loop ends', 'asm volatile("r1 = 0; 1: r1 += 1; if r1 != 100 goto 1b" ::: "r1");'),
  atEnd('a loop runs two million times', 'asm volatile("r1 = 0; 1: r1 += 1; if r1 != 2000000 goto 1b" ::: "r1");'),
  atEnd('the frame pointer is changed', 'asm volatile("r10 += 8");'),
  atEnd('the stack is written above its top', 'asm volatile("*(u64 *)(r10 + 8) = %0" :: "r"((long)verdict));'),
  atEnd('the stack is written below its end', 'asm volatile("*(u64 *)(r10 - 520) = %0" :: "r"((long)verdict));'),
  atEnd('the stack is written unaligned', 'asm volatile("*(u64 *)(r10 - 9) = %0" :: "r"((long)verdict));'),
  atEnd('the stack is read where nothing was written', 'asm volatile("%0 = *(u64 *)(r10 - 440)" : "=r"(verdict));'),
  one('an unbounded number is added to a packet pointer', 'c->pos += (ext[1] + 1) * 8;', 'c->pos += *(__u64 *)ext;'),
  one('another licence', 'SEC("license") = "GPL"', 'SEC("license") = "Proprietary"'),
  {
    name: 'a GPL-only helper under another licence',
    edits: [
      [LAST, `\ttotal_bytes += bpf_ktime_get_ns();\n${LAST}`],
      ['SEC("license") = "GPL"', 'SEC("license") = "Proprietary"'],
    ],
  },
  one('fragments pass', 'drop_fragments = 1', 'drop_fragments = 0'),
  one('the verdict is out of range', PROLOGUE, '\tint verdict = 77;\n'),
  one('more extension headers', '#define MAX_IPV6_HEADERS 4', '#define MAX_IPV6_HEADERS 7'),
];
