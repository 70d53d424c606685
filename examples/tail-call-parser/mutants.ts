// SPDX-License-Identifier: MIT
// Small changes to parser.bpf.c, each of which Linux judges: most break a rule, some keep all of them.
import { edit, type Mutant } from '../../tools/kernel-words/mutant.ts';

const CALL_TCP = 'bpf_tail_call(ctx, &parsers, PARSE_TCP);';
const LIMIT = '\tif (offset > MAX_OFFSET)\n\t\treturn 0;\n';
const BOUND = 'return at + size > (void *)(long)ctx->data_end ? 0 : at;';
const UDP_LAST = '\tport = udp->source;\n';

/** Statements put where UDP is answered. */
const inUdp = (name: string, statements: string): Mutant => edit(name, UDP_LAST, `\t${statements}\n${UDP_LAST}`);

export const MUTANTS: readonly Mutant[] = [
  edit('a tail call through another map', CALL_TCP, 'bpf_tail_call(ctx, &parsed, PARSE_TCP);'),
  edit('a tail call through no map', CALL_TCP, 'bpf_tail_call(ctx, (void *)0, PARSE_TCP);'),
  edit('a tail call without the context', CALL_TCP, 'bpf_tail_call((void *)0, &parsers, PARSE_TCP);'),
  edit(
    'a tail call with a pointer into the packet',
    CALL_TCP,
    'bpf_tail_call((void *)(long)ctx->data, &parsers, PARSE_TCP);',
  ),
  edit('a tail call to a pointer', CALL_TCP, 'bpf_tail_call(ctx, &parsers, (long)ctx);'),
  edit('a tail call past the end of the array', CALL_TCP, 'bpf_tail_call(ctx, &parsers, 99);'),
  edit('a tail call to a negative index', CALL_TCP, 'bpf_tail_call(ctx, &parsers, -1);'),
  edit('a tail call to an index of more than 32 bits', CALL_TCP, 'bpf_tail_call(ctx, &parsers, 0x100000003ULL);'),
  edit('a tail call to an unknown index', CALL_TCP, 'bpf_tail_call(ctx, &parsers, ctx->rx_queue_index + protocol);'),
  edit('a tail call to an empty slot', '\t\t[PARSE_TCP] = (void *)&parse_tcp,\n', ''),
  edit('a tail call to itself', '[PARSE_TCP] = (void *)&parse_tcp', '[PARSE_TCP] = (void *)&parse_ipv4'),
  edit('a tail call to another parser', '[PARSE_UDP] = (void *)&parse_udp', '[PARSE_UDP] = (void *)&parse_tcp'),
  edit('the array is looked up', CALL_TCP, '{ __u32 k = 0; bpf_map_lookup_elem(&parsers, &k); }'),
  edit('the array is updated', CALL_TCP, '{ __u32 k = 0; bpf_map_update_elem(&parsers, &k, &k, 0); }'),
  edit('the array is deleted from', CALL_TCP, '{ __u32 k = 0; bpf_map_delete_elem(&parsers, &k); }'),
  edit('a tail call in a function', 'static __always_inline void by_protocol', 'static __noinline void by_protocol'),
  edit('a function before a tail call', 'static __always_inline void understood', 'static __noinline void understood'),
  edit(
    'a function finds the state',
    'static __always_inline struct state *state_of',
    'static __noinline struct state *state_of',
  ),
  edit('a function finds the header', 'static __always_inline void *header', 'static __noinline void *header'),
  edit('the place is not limited', LIMIT, ''),
  edit('the place is limited to what no packet has', '#define MAX_OFFSET 1024', '#define MAX_OFFSET 70000'),
  edit('the place is limited to nothing', '#define MAX_OFFSET 1024', '#define MAX_OFFSET 14'),
  edit('no bounds check', BOUND, 'return at;'),
  edit('the bounds check is one byte short', BOUND, BOUND.replace('at + size', 'at + size - 1')),
  edit('the bounds check is a byte too strict', BOUND, BOUND.replace('at + size', 'at + size + 1')),
  edit('the bounds check is the wrong way round', BOUND, BOUND.replace('? 0 : at', '? at : 0')),
  edit(
    'no NULL check on the state',
    '\tif (!state || !eth)\n\t\treturn XDP_DROP;',
    '\tif (!eth)\n\t\treturn XDP_DROP;',
  ),
  edit('no NULL check on a header', '\tif (!ip || ip->ihl < 5)\n', '\tif (ip->ihl < 5)\n'),
  edit('no NULL check on a counter', '\tif (count)\n\t\t*count += 1;', '\t*count += 1;'),
  edit('the state is written past its end', 'state->tags += 1;', '(&state->port)[1] += 1;'),
  edit('the state is written across its end', 'state->tags += 1;', '*(__u64 *)&state->tags += 1;'),
  inUdp('the header grows, and old pointers are used', 'bpf_xdp_adjust_head(ctx, -4);'),
  inUdp('the header grows, and the packet goes', 'bpf_xdp_adjust_head(ctx, -4); return XDP_TX;'),
  inUdp('the tail shrinks, and the packet goes', 'bpf_xdp_adjust_tail(ctx, -4); return XDP_TX;'),
  inUdp('metadata is put in front', 'bpf_xdp_adjust_meta(ctx, -8); return XDP_TX;'),
  inUdp(
    'a register is used after a tail call',
    'asm volatile("r6 = r1; call 12; r0 = r3" ::: "r0", "r1", "r2", "r3", "r4", "r5", "r6");',
  ),
  inUdp('the port is read from outside the header', 'state->port = ((__u16 *)udp)[4];'),
  inUdp('the port is written outside the header', '((__u16 *)udp)[-30] = 1;'),
  inUdp('the state is the key', 'bpf_map_lookup_elem(&parsed, state);'),
  inUdp('the packet is the key', 'bpf_map_lookup_elem(&parsed, udp);'),
];
