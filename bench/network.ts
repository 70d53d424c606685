// SPDX-License-Identifier: MIT
// Packets through three devices: an XDP program at the first counts in a map and redirects by a devmap to the second, a
// classifier at whose other end passes them on to the third, where XDP passes and a classifier counts. Prints the rate,
// and the memory as it goes: it must stay flat. `--packets N` (default 200,000), `--engine jit|interpreter`.
import { parseArgs } from 'node:util';
import { buildPacket } from '@tsbpf/capture';
import { assembleSource, encodeInsns } from '@tsbpf/insn';
import {
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_DEVMAP,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_XDP,
  createKernel,
  InternalError,
  type EngineName,
} from 'tsbpf';

const { values } = parseArgs({
  options: { packets: { type: 'string', default: '200000' }, engine: { type: 'string', default: 'jit' } },
});
const total = Number(values.packets);
const kernel = createKernel({ devices: ['eth0', 'eth1', 'eth2', 'eth3'], engine: values.engine as EngineName });
const { net } = kernel;
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

const create = (map_type: number, value_size: number): number =>
  kernel.bpf(BPF_MAP_CREATE, { map_type, key_size: 4, value_size, max_entries: 4 });
const counts = create(BPF_MAP_TYPE_ARRAY, 8);
const devs = create(BPF_MAP_TYPE_DEVMAP, 4);

function load(prog_type: number, source: string): number {
  const log_buf = new Uint8Array(1 << 16);
  const { insns } = assembleSource(source, { maps: { counts, devs } });
  const fd = kernel.bpf(BPF_PROG_LOAD, { prog_type, insns: encodeInsns(insns), license: 'GPL', log_level: 1, log_buf });
  if (fd < 0) throw new InternalError(new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0))));
  return fd;
}

/** Counts under a key and goes on with `then`. */
const count = (key: number, then: string): string => `r6 = r1
*(u32 *)(r10 - 4) = ${key}
r2 = r10
r2 += -4
r1 = counts ll
call 1
if r0 == 0 goto out
r1 = *(u64 *)(r0 + 0)
r1 += 1
*(u64 *)(r0 + 0) = r1
out:
${then}exit
`;
const [eth0, eth1, eth2, eth3] = ['eth0', 'eth1', 'eth2', 'eth3'].map((name) => net.device(name));
if (eth0 === undefined || eth1 === undefined || eth2 === undefined || eth3 === undefined)
  throw new InternalError('devices');
// eth0 redirects to eth1, whose cable ends at eth2; eth2's classifier sends through eth3.
net.connect(eth1, eth2);
kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: devs, key: u32(0), value: u32(eth1.ifindex), flags: 0n });
eth0.attachXdp(load(BPF_PROG_TYPE_XDP, count(0, 'r1 = devs ll\nr2 = 0\nr3 = 0\ncall 51\n')));
eth2.attachXdp(load(BPF_PROG_TYPE_XDP, count(1, 'r0 = 2\n')));
eth2.attachTc(load(BPF_PROG_TYPE_SCHED_CLS, count(2, `r1 = ${eth3.ifindex}\nr2 = 0\ncall 23\n`)), {
  direction: 'ingress',
  directAction: true,
});
eth3.attachTc(load(BPF_PROG_TYPE_SCHED_CLS, count(3, 'r0 = 0\n')), { direction: 'egress', directAction: true });
for (const device of net.devices) device.keepsFrames = false;

const frame = buildPacket(
  [{ type: 'eth' }, { type: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2' }, { type: 'udp', srcPort: 4000, dstPort: 53 }],
  new Uint8Array(64),
);

const started = performance.now();
const MiB = 2 ** 20;
let lastAt = started;
const steps = 10;
for (let step = 1; step <= steps; step++) {
  const until = Math.round((total * step) / steps);
  for (let i = Math.round((total * (step - 1)) / steps); i < until; i++) eth0.receive(frame);
  const now = performance.now();
  const rate = Math.round(total / steps / ((now - lastAt) / 1000));
  lastAt = now;
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const { liveRegions } = kernel.state.mem;
  console.log(
    `${until.toLocaleString('en')} packets, ${rate.toLocaleString('en')}/s; heap ${(heapUsed / MiB).toFixed(1)} MiB, ` +
      `process ${(rss / MiB).toFixed(0)} MiB, kernel memory ${kernel.state.mem.view.byteLength / MiB} MiB in ${liveRegions} regions`,
  );
}
const seconds = (performance.now() - started) / 1000;
const counted = [0, 1, 2, 3].map((key) => {
  const value = new Uint8Array(8);
  kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: counts, key: u32(key), value });
  return new DataView(value.buffer).getBigUint64(0, true);
});
console.log(
  `${total.toLocaleString('en')} packets in ${seconds.toFixed(1)} s: ${Math.round(total / seconds).toLocaleString('en')} packets/s, ` +
    `${Math.round((4 * total) / seconds).toLocaleString('en')} programs/s; counted ${counted.join(' ')}`,
);
if (counted.some((n) => n !== BigInt(total))) process.exitCode = 1;
