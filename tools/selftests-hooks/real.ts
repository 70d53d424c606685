// SPDX-License-Identifier: MIT
// The tables' own cases on the running kernel, in a cgroup and namespaces that are gone afterwards.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cgroupMount, makeOwnCgroup } from '../../examples/cgroup-policies/differential/own-cgroup.ts';
import { harnessOf, objectOf, objectsDir, tableOf, type Suite } from './source.ts';

/** Why nothing can be run here; undefined where it can. */
export function whyNotReal(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  return cgroupMount() === undefined ? 'cgroup v2 is not mounted' : undefined;
}

/** Which cases of a suite pass on the running kernel. */
export async function runReal(suite: Suite): Promise<readonly { index: number; passed: boolean }[]> {
  for (const { object } of tableOf(suite) as readonly { object?: string }[]) {
    const name = /([^/]+)\.bpf\.o$/.exec(object ?? '')?.[1];
    if (name !== undefined) objectOf(name);
  }
  const cgroup = makeOwnCgroup('tsbpf-hooks');
  try {
    // Objects are named relative to where their tree builds them.
    const { stdout } = await promisify(execFile)(harnessOf(suite), [cgroup.dir], {
      cwd: objectsDir(),
      timeout: 60_000,
    });
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { index: number; passed: boolean });
  } finally {
    cgroup.remove();
  }
}
