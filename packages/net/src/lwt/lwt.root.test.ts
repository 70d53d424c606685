// SPDX-License-Identifier: MIT
// Packets past the programs of routes, here and in the running kernel, whose routes are in a namespace of their own.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ADDRESSES, lwtCases, PLAIN, ROUTERS, TYPES } from '../../test/lwt-scenario.ts';
import { ENGINES, loadAsm, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';
import { worldOf } from '../world/world.ts';
import { routeInput } from './forward.ts';
import { bpfEncap, endBpf } from './state.ts';

const root = join(import.meta.dirname, '../../../..');
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const mac = (text: string): Uint8Array => Uint8Array.from(text.split(':'), (byte) => parseInt(byte, 16));

/** What leaves the kernel, by case; a reason why it was not asked. */
function askKernel(): { name: string; out: string }[] | string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'not root on Linux';
  if (!existsSync('/sys/fs/bpf')) return 'no bpffs';
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  const child = join(root, 'packages/net/test/lwt-child.ts');
  const args = ['--net', process.execPath, tsx, '--conditions=@tsbpf/source', child];
  const ran = spawnSync('unshare', args, { cwd: root, encoding: 'utf8', timeout: 60_000 });
  if (ran.error !== undefined || /not (permitted|supported)|seg6_enabled/.test(ran.stderr)) {
    return `no namespace with such routes: ${ran.error?.message ?? ran.stderr.split('\n')[0]}`;
  }
  expect(ran.stderr.replace(/.*npm warn.*\n/g, '')).toBe('');
  return JSON.parse(ran.stdout) as { name: string; out: string }[];
}

const theirs = askKernel();
if (typeof theirs === 'string') console.warn(`skipped: programs of routes are not compared: ${theirs}`);

it.skipIf(typeof theirs === 'string').each(ENGINES)('packets leave as they leave Linux, on %s', (engine) => {
  const kernel = realKernel(engine);
  const net = netOf(kernel.state);
  const [v0, v1] = ['v0', 'v1'].map((name) => net.createDevice({ name }));
  if (v0 === undefined || v1 === undefined) throw new TypeError('no devices');
  const ns = worldOf(kernel.state).main;
  for (const [dev, address] of ADDRESSES) ns.addAddress(dev === 'v0' ? v0 : v1, address);
  for (const dev of [v0, v1]) for (const family of [2, 10] as const) ns.setForwarding(dev, family, true);
  for (const ip of [ROUTERS.v4, ROUTERS.v6]) ns.addNeighbour({ dev: v1, ip, mac: mac(ROUTERS.mac) });
  const via = (to: string): string => (to.includes(':') ? ROUTERS.v6 : ROUTERS.v4);
  for (const to of PLAIN) ns.addRoute({ to, dev: v1, via: via(to) });

  const differences = lwtCases().flatMap(({ name, where, to, source, packet }, i) => {
    const fd = loadAsm(kernel, TYPES[where], source);
    const encap = where === 'end' ? endBpf(kernel.state, fd) : bpfEncap(kernel.state, { [where]: fd, headroom: 96 });
    ns.addRoute({ to, dev: v1, via: via(to), encap });
    const { action, packet: left, error } = routeInput(v0, packet);
    const ours = action === 'sent' ? hex(left) : '';
    const kernels = typeof theirs === 'string' ? '' : (theirs[i]?.out ?? '?');
    return ours === kernels ? [] : [`${name} (${action} ${error})\n  ours   ${ours}\n  kernel ${kernels}`];
  });
  console.info(`${lwtCases().length} packets on ${engine}, ${differences.length} differences`);
  expect(differences.join('\n')).toBe('');
});
