// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import { mergeRegistries, type KernelVersion, type Registries } from '@tsbpf/core';
import { createKernel, type EnvOptions, type Kernel } from '@tsbpf/kernel';
import { vmlinuxBtf } from '@tsbpf/vmlinux';

/**
 * A kernel of v5.6 with the rows given and nothing that runs: system calls on maps, and the state behind them.
 * `rulesOf`: rules that name a version follow this one, for comparisons with a running kernel.
 */
export function createTestSys(
  options: { rows?: Partial<Registries>; env?: EnvOptions; rulesOf?: KernelVersion } = {},
): Kernel {
  const absent = (what: string) => (): never => {
    throw new InternalError(`the test kernel has no ${what}`);
  };
  const kernel = createKernel({
    version: '5.6',
    registries: mergeRegistries(options.rows ?? {}),
    verify: absent('verifier'),
    executor: () => ({ name: 'interpreter', load: absent('engine') }),
    vmlinux: vmlinuxBtf(),
    env: options.env,
  });
  if (options.rulesOf !== undefined) Object.defineProperty(kernel.state, 'version', { value: options.rulesOf });
  return kernel;
}
