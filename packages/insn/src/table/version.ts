// SPDX-License-Identifier: MIT
import type { LinuxVersion } from './row.ts';

/** A number that orders Linux versions: `5.6` is 5006. */
export function versionNumber(version: LinuxVersion): number {
  const dot = version.indexOf('.');
  return Number(version.slice(0, dot)) * 1000 + Number.parseInt(version.slice(dot + 1), 10);
}
