// SPDX-License-Identifier: MIT
// Runs in a network namespace of its own: gives routes their programs, sends packets in at v0, and prints what leaves by v1.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_ELEM,
  BPF_OBJ_PIN,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_SCHED_CLS,
} from '@tsbpf/uapi';
import { createHost } from '@tsbpf/host';
import { ADDRESSES, lwtCases, PLAIN, ROUTERS, TYPES } from './lwt-scenario.ts';
import { loadAsm } from './real-kernel.ts';

const VALUE = 264;
const FRAME = 256;
/** The first four bytes of the router's address, as a program loads them. */
const ROUTER_MAC = 0x0000aa02;
const ip = (line: string): string => execFileSync('ip', line.split(' ').filter((word) => word !== ''), { encoding: 'utf8' });
const host = createHost();
const pins = mkdtempSync('/sys/fs/bpf/tsbpf-lwt-');
const wait = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

try {
  ip('link set lo up');
  for (const i of [0, 1]) {
    ip(`link add v${i} type veth peer name p${i}`);
    for (const name of ['v', 'p']) {
      writeFileSync(`/proc/sys/net/ipv6/conf/${name}${i}/accept_dad`, '0');
      writeFileSync(`/proc/sys/net/ipv6/conf/${name}${i}/seg6_enabled`, '1');
      writeFileSync(`/proc/sys/net/ipv4/conf/${name}${i}/rp_filter`, '0');
    }
    writeFileSync(`/proc/sys/net/ipv6/conf/p${i}/disable_ipv6`, '1');
    ip(`link set v${i} address 02:00:00:00:00:0${i + 1} up`);
    ip(`link set p${i} up`);
  }
  for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${path}`, '1');
  writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', '0');
  for (const [dev, address] of ADDRESSES) ip(`addr add ${address} dev ${dev} ${address.includes(':') ? 'nodad' : ''}`);
  for (const router of [ROUTERS.v4, ROUTERS.v6]) ip(`neigh add ${router} lladdr ${ROUTERS.mac} dev v1 nud permanent`);
  const via = (to: string): string => (to.includes(':') ? ROUTERS.v6 : ROUTERS.v4);
  for (const to of PLAIN) ip(`${to.includes(':') ? '-6 ' : ''}route add ${to} via ${via(to)} dev v1`);

  const links = JSON.parse(ip('-j link show')) as { ifname: string; ifindex: number }[];
  const index = (name: string): number => links.find(({ ifname }) => ifname === name)?.ifindex ?? 0;
  const seen = host.bpf(BPF_MAP_CREATE, { map_type: 2, key_size: 4, value_size: VALUE, max_entries: 1 });
  // Keeps length and bytes of the last packet to the router: the kernel's own chatter is to everybody.
  const capture = loadAsm(
    host,
    BPF_PROG_TYPE_SCHED_CLS,
    `r6 = r1\nr1 = m ll\nr2 = r10\nr2 += -4\nr3 = 0\n*(u32 *)(r10 - 4) = r3\ncall 1\nif r0 == 0 goto out\nr7 = r0\n` +
      `r8 = *(u32 *)(r6 + 0)\nif r8 < 34 goto out\nif r8 > ${FRAME} goto out\nr1 = r6\nr2 = 0\nr3 = r10\nr3 += -16\nr4 = 6\ncall 26\n` +
      `r1 = *(u32 *)(r10 - 16)\nif r1 != ${ROUTER_MAC} goto out\nr1 = r6\nr2 = 0\nr3 = r7\nr3 += 8\nr4 = r8\ncall 26\n` +
      `*(u32 *)(r7 + 0) = r8\nout:\nr0 = 2\nexit\n`,
    { m: seen },
  );
  const attached = host.attachTc?.(index('p1'), capture, { direction: 'ingress', directAction: true }) ?? -1;
  if (attached < 0) throw new TypeError(`cannot capture at p1: ${attached}`);
  const inject = loadAsm(host, BPF_PROG_TYPE_SCHED_CLS, `r2 = ${index('v0')}\nr3 = 1\ncall 13\nr0 = 0\nexit\n`);

  const key = new Uint8Array(4);
  const answers = lwtCases().map(({ name, where, to, source, packet }, i) => {
    const fd = loadAsm(host, TYPES[where], source);
    const pin = join(pins, String(i));
    const err = host.bpf(BPF_OBJ_PIN, { bpf_fd: fd, pathname: pin });
    if (err < 0) throw new TypeError(`cannot pin: ${err}`);
    const six = to.includes(':');
    const encap = where === 'end' ? `seg6local action End.BPF endpoint pinned ${pin}` : `bpf ${where} pinned ${pin} headroom 96`;
    ip(`${six ? '-6 ' : ''}route add ${to} encap ${encap} via ${via(to)} dev v1`);
    host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: seen, key, value: new Uint8Array(VALUE) });
    const frame = Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0xbb, 0, 0, 0, 1, ...(six ? [0x86, 0xdd] : [8, 0]), ...packet]);
    host.bpf(BPF_PROG_TEST_RUN, { prog_fd: inject, data_in: frame, data_out: new Uint8Array(1024) });
    wait(5);
    const value = new Uint8Array(VALUE);
    host.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: seen, key, value });
    host.close(fd);
    const len = new DataView(value.buffer).getUint32(0, true);
    const out = value.subarray(8 + 14, 8 + Math.max(14, len));
    return { name, out: Array.from(out, (byte) => byte.toString(16).padStart(2, '0')).join('') };
  });
  console.log(JSON.stringify(answers));
} finally {
  rmSync(pins, { recursive: true, force: true });
}
