// SPDX-License-Identifier: MIT
export { createHost } from './host.ts';
export type { Host, HostOptions } from './host.ts';
export { pinToCpu } from './cpu.ts';
