// SPDX-License-Identifier: MIT
// What becomes of redirected frames behind the verdict: bulks to devices and CPUs, whose fate only tracepoints tell.
import { expect, it } from 'vitest';
import { BPF_MAP_TYPE_CPUMAP, BPF_PROG_TYPE_XDP, ENXIO } from '@tsbpf/uapi';
import { TestMap, u32s } from '@tsbpf/testkit';
import { nativeKernel } from '../../test/native-kernel.ts';

const frame = new Uint8Array(64);

it.each([true, false])('a veth pair (%s) takes redirected frames for an end with a program only', (veth) => {
  const { kernel, net, prog } = nativeKernel();
  const [eth0, left, right] = ['eth0', 'left', 'right'].map((name) => net.createDevice({ name }));
  if (eth0 === undefined || left === undefined || right === undefined) throw new TypeError('devices');
  net.connect(left, right, { veth });
  const bulks: unknown[] = [];
  kernel.state.tracepoints.listen('xdp_devmap_xmit', (args) => bulks.push(args.slice(2)));
  eth0.attachXdp(prog(BPF_PROG_TYPE_XDP, ({ helper }) => Number(helper('bpf_xdp_redirect', left.ifindex, 0))).prog);
  // The verdict is carried out either way.
  expect(eth0.receive(frame).redirect?.err).toBe(0);
  right.attachXdp(prog(BPF_PROG_TYPE_XDP, () => 2).prog);
  expect(eth0.receive(frame).redirect?.err).toBe(0);
  expect(right.delivered).toHaveLength(veth ? 1 : 2);
  expect(bulks).toEqual([veth ? [0, 1, -ENXIO] : [1, 0, 0], [1, 0, 0]]);
});

it('frames to another CPU are told when they are put there and taken, and lose their metadata', () => {
  const { kernel, net, prog } = nativeKernel();
  const eth0 = net.createDevice({ name: 'eth0' });
  const map = new TestMap(kernel, { map_type: BPF_MAP_TYPE_CPUMAP, key_size: 4, value_size: 4, max_entries: 1 });
  expect(map.update(u32s(0), u32s(16))).toBe(0);
  const file = kernel.state.fds.get(map.fd, 'map');
  if (typeof file === 'number') throw new TypeError('map');
  const told: string[] = [];
  for (const name of ['xdp_cpumap_enqueue', 'xdp_cpumap_kthread']) {
    kernel.state.tracepoints.listen(name, (args) => told.push(`${name} ${args.slice(1).join(' ')}`));
  }
  eth0.attachXdp(prog(BPF_PROG_TYPE_XDP, (run) => Number(run.helper('bpf_xdp_redirect_map', file.map.off, 0, 0))).prog);
  expect(eth0.receive(frame).redirect?.err).toBe(0);
  expect(told).toEqual(['xdp_cpumap_enqueue 1 0 0', 'xdp_cpumap_kthread 1 0 0']);
  expect(eth0.delivered).toEqual([frame]);
});

it('a frame that goes round for ever is stopped', () => {
  const { net, prog } = nativeKernel();
  const [a, b] = ['a', 'b'].map((name) => net.createDevice({ name }));
  if (a === undefined || b === undefined) throw new TypeError('devices');
  net.connect(a, b);
  for (const device of [a, b]) device.attachXdp(prog(BPF_PROG_TYPE_XDP, () => 3).prog);
  expect(() => a.receive(frame)).toThrow(/in circles/);
  expect(() => net.connect(a, b)).toThrow(/cannot be connected/);
});
