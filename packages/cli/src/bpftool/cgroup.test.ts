// SPDX-License-Identifier: MIT
// `cgroup` in a batch, whose verbs share a kernel.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';
import { runCommand } from '../program.ts';

const streams = vi.hoisted(() => ({ stdout: '', stderr: '' }));
vi.mock('../output/streams.ts', () => ({
  ClosedPipe: class extends Error {},
  print: (text: string) => {
    streams.stdout += `${text}\n`;
  },
  note: (text: string) => {
    streams.stderr += `${text}\n`;
  },
}));

const POLICY = fileURLToPath(new URL('../../../../examples/cgroup-policies/device_policy.bpf.o', import.meta.url));

async function batch(...lines: string[]): Promise<{ status: number; out: string; err: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-cgroup-'));
  const file = join(dir, 'batch');
  writeFileSync(file, lines.join('\n'));
  streams.stdout = streams.stderr = '';
  try {
    const status = await runCommand(['batch', file]);
    return { status, out: streams.stdout, err: streams.stderr.replaceAll(file, 'FILE') };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

it('cgroups are made, and programs attached and shown', async () => {
  const { status, out, err } = await batch(
    'cgroup create /web',
    'cgroup create /sys/fs/cgroup/web/inner',
    `cgroup attach /web device object ${POLICY} multi`,
    'cgroup attach /web/inner cgroup_device name policy multi',
    '# the directory is where it would be on a machine',
    'cgroup tree',
    'cgroup show /web/inner effective',
    'cgroup detach /sys/fs/cgroup/web dev name policy',
    '-j cgroup show /web',
    '-j cgroup tree /web',
  );
  expect({ status, err }).toEqual({ status: 0, err: '' });
  const [id = ''] = /^ +\d+|^\d+/m.exec(out) ?? [];
  expect(
    out
      .replaceAll(id.trim(), 'N')
      .split('\n')
      .map((line) => line.trimEnd()),
  ).toEqual([
    'CgroupPath',
    'ID       AttachType      AttachFlags     Name',
    '/sys/fs/cgroup/web',
    expect.stringMatching(/^ {4}N +cgroup_device {3}multi {11}policy$/),
    '/sys/fs/cgroup/web/inner',
    expect.stringMatching(/^ {4}N +cgroup_device {3}multi {11}policy$/),
    'ID       AttachType      Name',
    expect.stringMatching(/^N +cgroup_device {3}policy$/),
    expect.stringMatching(/^N +cgroup_device {3}policy$/),
    '',
    '[{"cgroup":"/sys/fs/cgroup/web/inner","programs":[{"id":N,"attach_type":"cgroup_device","attach_flags":"multi","name":"policy","attach_btf_name":"","attach_btf_obj_id":0,"attach_btf_id":0}]}]',
    '',
  ]);
});

it.each([
  [['cgroup create /a/b'], "Error: can't create cgroup /a/b: No such file or directory"],
  [['cgroup create /a', 'cgroup create /a'], "Error: can't create cgroup /a: File exists"],
  [['cgroup attach / device name nonesuch'], 'Error: no program of name nonesuch is loaded'],
  [['cgroup attach / device prog 1'], "Error: expected 'id', 'tag', 'name', 'pinned' or 'object', got: 'prog'?"],
  [['cgroup'], /unknown command: cgroup; there are: .*cgroup show/],
])('%o fails', async (lines, message) => {
  const { status, err } = await batch(...lines);
  expect(status).toBe(255);
  expect(err).toMatch(message);
});
