// SPDX-License-Identifier: MIT
// A bpf(2) implementation by name, loaded only when asked for.
import { pathToFileURL } from 'node:url';
import { EINVAL, UsageError } from '../packages/uapi/src/index.ts';
import type { Sys } from '../packages/uapi/src/index.ts';

/** What a module given by path exports. */
interface SysModule {
  createSys?: () => Sys | Promise<Sys>;
}

/**
 * Opens a system: `host` is the running Linux, `sim` or `sim:VERSION` the simulated kernel (5.6 where left out), and
 * anything else the path of a module that exports `createSys()`.
 */
export async function openSys(name: string): Promise<Sys> {
  if (name === 'host') {
    const { createHost } = await import('@tsbpf/host');
    return createHost();
  }
  const [kind = '', version = '5.6'] = name.split(':');
  if (kind === 'sim') {
    const facade = (await import('tsbpf')) as { createKernel?: (options: { version: string }) => Sys | Promise<Sys> };
    if (facade.createKernel === undefined)
      throw new UsageError('The package tsbpf exports no createKernel', { errno: EINVAL });
    return facade.createKernel({ version });
  }
  const module = (await import(pathToFileURL(name).href)) as SysModule;
  if (module.createSys === undefined)
    throw new UsageError(`${name} exports no createSys; names are host, sim, sim:VERSION or such a module's path`, {
      errno: EINVAL,
    });
  return module.createSys();
}
