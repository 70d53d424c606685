// SPDX-License-Identifier: MIT

/** A Linux version, `major.minor`. */
export type KernelVersion = `${number}.${number}`;

/** Versions whose rules are whole. Asking for another is answered "unsupported". */
export const SUPPORTED_VERSIONS: readonly KernelVersion[] = ['5.6'];

/** Whether `version` is `since` or newer. */
export function versionAtLeast(version: KernelVersion, since: KernelVersion): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = since.split('.').map(Number);
  return major !== sinceMajor ? major > sinceMajor : minor >= sinceMinor;
}
