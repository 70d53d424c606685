// SPDX-License-Identifier: MIT
// Every attach type of cgroups: the programs and cases that compare it with a kernel, and what is left out, with the reason.

/** How an attach type is compared. */
export interface Compared {
  /** Cases by their `hook`. */
  readonly cases: readonly string[];
  /** The program of probe.bpf.c. */
  readonly program: string;
  readonly leftOut?: string;
}

export const COVERAGE: Readonly<Record<string, Compared>> = {
  BPF_CGROUP_INET_INGRESS: {
    cases: ['packet'],
    program: 'ingress',
    leftOut: 'TCP: how many acknowledgements there are is a matter of timing',
  },
  BPF_CGROUP_INET_EGRESS: {
    cases: ['packet'],
    program: 'egress',
    leftOut: 'TCP: how many acknowledgements there are is a matter of timing',
  },
  BPF_CGROUP_INET_SOCK_CREATE: { cases: ['sock_create'], program: 'create' },
  BPF_CGROUP_SOCK_OPS: {
    cases: ['event', 'option'],
    program: 'events',
    leftOut: 'retransmissions and timeouts: a loopback device loses nothing',
  },
  BPF_CGROUP_DEVICE: { cases: ['device'], program: 'dev' },
  BPF_CGROUP_INET4_BIND: { cases: ['bind'], program: 'bind4' },
  BPF_CGROUP_INET6_BIND: { cases: ['bind'], program: 'bind6' },
  BPF_CGROUP_INET4_CONNECT: { cases: ['connect'], program: 'connect4' },
  BPF_CGROUP_INET6_CONNECT: { cases: ['connect'], program: 'connect6' },
  BPF_CGROUP_INET4_POST_BIND: {
    cases: ['post_bind'],
    program: 'post4',
    leftOut: 'the port after a denial: since 5.17 it is given back',
  },
  BPF_CGROUP_INET6_POST_BIND: {
    cases: ['post_bind'],
    program: 'post6',
    leftOut: 'the port after a denial: since 5.17 it is given back',
  },
  BPF_CGROUP_UDP4_SENDMSG: { cases: ['sendmsg'], program: 'sendmsg4' },
  BPF_CGROUP_UDP6_SENDMSG: { cases: ['sendmsg'], program: 'sendmsg6' },
  BPF_CGROUP_SYSCTL: { cases: ['sysctl'], program: 'sys' },
  BPF_CGROUP_UDP4_RECVMSG: { cases: ['recvmsg'], program: 'recvmsg4' },
  BPF_CGROUP_UDP6_RECVMSG: { cases: ['recvmsg'], program: 'recvmsg6' },
  BPF_CGROUP_GETSOCKOPT: {
    cases: ['getsockopt'],
    program: 'getopt',
    leftOut: 'more than a page: EINVAL in v5.6, cut since 5.8',
  },
  BPF_CGROUP_SETSOCKOPT: {
    cases: ['setsockopt'],
    program: 'setopt',
    leftOut: 'more than a page: EINVAL in v5.6, cut since 5.8',
  },
};
