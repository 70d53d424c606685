// SPDX-License-Identifier: MIT
// Every offset of every context, at every size: a load answers with a verdict.
import { describe, expect, it } from 'vitest';
import * as uapi from '@tsbpf/uapi';
import { BPF_PROG_LOAD, EINVAL, assembleSource, createKernel, encodeInsns } from './index.ts';

const SIZES = [1, 2, 4, 8] as const;
const WORDS = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' } as const;
/** Longer than every context that has fields. */
const CONTEXT_BYTES = 200;

const READS = new Map<string, Uint8Array>();
const encoded = (text: string): Uint8Array => {
  const bytes = READS.get(text) ?? encodeInsns(assembleSource(text).insns);
  READS.set(text, bytes);
  return bytes;
};
const signed = (off: number): string => (off < 0 ? `${off}` : `+${off}`);
const read = (size: (typeof SIZES)[number], off: number): string =>
  `r2 = *(${WORDS[size]} *)(r1 ${signed(off)})\nr0 = 1\nexit`;
const write = (size: (typeof SIZES)[number], off: number): string =>
  `r2 = 0\n*(${WORDS[size]} *)(r1 ${signed(off)}) = r2\nr0 = 1\nexit`;

const kernel = createKernel();

/** The result of BPF_PROG_LOAD, and the log. */
function load(text: string, prog_type: number, expected_attach_type = 0): { result: number; log: string } {
  const log_buf = new Uint8Array(2048);
  const insns = encoded(text);
  const attr = { prog_type, expected_attach_type, insns, license: 'GPL', log_level: 1, log_buf };
  const result = kernel.bpf(BPF_PROG_LOAD, attr);
  if (result >= 0) kernel.close(result);
  return { result, log: new TextDecoder().decode(log_buf).replace(/\0[^]*$/, '') };
}

const TYPES: readonly (readonly [name: string, attachType: string | undefined])[] = [
  ['SOCKET_FILTER', undefined],
  ['KPROBE', undefined],
  ['SCHED_CLS', undefined],
  ['SCHED_ACT', undefined],
  ['TRACEPOINT', undefined],
  ['XDP', undefined],
  ['PERF_EVENT', undefined],
  ['CGROUP_SKB', 'CGROUP_INET_INGRESS'],
  ['CGROUP_SOCK', 'CGROUP_INET_SOCK_CREATE'],
  ['CGROUP_SOCK', 'CGROUP_INET4_POST_BIND'],
  ['CGROUP_SOCK', 'CGROUP_INET6_POST_BIND'],
  ['LWT_IN', undefined],
  ['LWT_OUT', undefined],
  ['LWT_XMIT', undefined],
  ['SOCK_OPS', undefined],
  ['SK_SKB', undefined],
  ['CGROUP_DEVICE', undefined],
  ['SK_MSG', undefined],
  ['RAW_TRACEPOINT', undefined],
  ['CGROUP_SOCK_ADDR', 'CGROUP_INET4_BIND'],
  ['CGROUP_SOCK_ADDR', 'CGROUP_INET6_CONNECT'],
  ['CGROUP_SOCK_ADDR', 'CGROUP_UDP4_SENDMSG'],
  ['CGROUP_SOCK_ADDR', 'CGROUP_UDP6_SENDMSG'],
  ['LWT_SEG6LOCAL', undefined],
  ['LIRC_MODE2', undefined],
  ['SK_REUSEPORT', undefined],
  ['FLOW_DISSECTOR', undefined],
  ['CGROUP_SYSCTL', undefined],
  ['RAW_TRACEPOINT_WRITABLE', undefined],
  ['CGROUP_SOCKOPT', 'CGROUP_GETSOCKOPT'],
  ['CGROUP_SOCKOPT', 'CGROUP_SETSOCKOPT'],
];

const named = uapi as unknown as Readonly<Record<string, number>>;
const typeOf = (name: string): number => named[`BPF_PROG_TYPE_${name}`];
const attachTypeOf = (name: string | undefined): number => (name === undefined ? 0 : named[`BPF_${name}`]);

describe('an access to a context', () => {
  it.each(TYPES)('gets a verdict: %s %s', (name, attachType) => {
    const [type, attach] = [typeOf(name), attachTypeOf(attachType)];
    expect(type).toBeGreaterThan(0);
    let accepted = 0;
    for (let off = -1; off <= CONTEXT_BYTES; off++) {
      for (const size of SIZES) {
        for (const access of [read, write]) {
          const { result, log } = load(access(size, off), type, attach);
          if (result >= 0) accepted++;
          else expect(log).toMatch(/^(invalid bpf_context access |bpf verifier is misconfigured$)/m);
        }
      }
    }
    expect(accepted).toBeGreaterThan(0);
  });

  // What is_valid_access of v5.6 lets through and convert_ctx_access knows no field for.
  it.each([
    ['SOCKET_FILTER', undefined, 'behind the first half of the socket pointer', 4, 172],
    ['SK_SKB', undefined, 'a byte of the socket pointer', 1, 175],
    ['SOCK_OPS', undefined, 'the second half of the socket pointer', 4, 188],
    ['CGROUP_SOCK_ADDR', 'CGROUP_INET4_BIND', 'padding before the socket pointer', 4, 60],
    ['CGROUP_SOCK_ADDR', 'CGROUP_INET4_BIND', 'the second half of the socket pointer', 4, 68],
    ['CGROUP_SOCKOPT', 'CGROUP_GETSOCKOPT', 'the second half of the socket pointer', 4, 4],
    ['FLOW_DISSECTOR', undefined, 'between two fields', 4, 77],
    ['FLOW_DISSECTOR', undefined, 'between two pointers', 8, 148],
  ] as const)(
    'is refused where rows let it through and nothing is there: %s %s, %s',
    (name, attachType, _, size, off) => {
      const { result, log } = load(read(size, off), typeOf(name), attachTypeOf(attachType));
      expect(result).toBe(-EINVAL);
      expect(log).toMatch(/^bpf verifier is misconfigured\nprocessed 3 insns /m);
    },
  );

  it('is refused the same way through a pointer to a TCP socket', () => {
    const halfCounter = (off: number): string =>
      'r1 = *(u64 *)(r1 +168)\nif r1 == 0 goto pc+5\ncall bpf_tcp_sock\nif r0 == 0 goto pc+3\n' +
      `r0 = *(u32 *)(r0 +${off})\nr0 = 1\nexit\nr0 = 1\nexit`;
    const CGROUP_SKB = typeOf('CGROUP_SKB');
    expect(load(halfCounter(80), CGROUP_SKB).log).toContain('invalid tcp_sock access off=80 size=4');
    for (const off of [84, 92]) {
      const { result, log } = load(halfCounter(off), CGROUP_SKB);
      expect(result).toBe(-EINVAL);
      expect(log).toMatch(/^bpf verifier is misconfigured$/m);
    }
  });
});
