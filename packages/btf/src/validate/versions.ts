// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import { BTF_KIND_LAST } from '../kinds.ts';
import { kindSince } from '../kind/table.ts';

/** `5.6` or `6.18.1` as a number that compares: major * 1000 + minor. */
export function versionNumber(version: string): number {
  const match = /^v?(\d+)\.(\d+)/.exec(version);
  if (!match) throw new UsageError(`"${version}" is not a Linux version such as "5.6"`, { errno: EINVAL });
  return Number(match[1]) * 1000 + Number(match[2]);
}

/** What changed between kernels in the checks of BPF_BTF_LOAD. */
export interface BtfRules {
  /** Highest kind that the kernel knows. */
  readonly kindMax: number;
  /** Bits of `info` that may be set. */
  readonly infoMask: number;
  /** Longest name, in bytes. */
  readonly nameLenMax: number;
  /** A DATASEC may have no variables. */
  readonly emptyDatasec: boolean;
  /** A DATASEC's name may be any printable text. */
  readonly printableDatasecName: boolean;
  /** `.` is an identifier's character everywhere. */
  readonly dotInNames: boolean;
  /** kind_flag of an ENUM says that its values are signed. */
  readonly signedEnums: boolean;
  /** A DATASEC resolves each variable afresh. Before, a variable after one of a struct or array was not resolved. */
  readonly datasecResetsMode: boolean;
  /** Members, parameters and array elements may not be a FUNC's or a tag's id, and type tags come first. */
  readonly tagChecks: boolean;
  /** A FUNC is resolved to its FUNC_PROTO like a reference. */
  readonly resolvesFuncs: boolean;
  /** kind_flag is allowed in tags. */
  readonly tagKflag: boolean;
}

/** The rules of one Linux version. */
export function rulesOf(version: string): BtfRules {
  const now = versionNumber(version);
  const since = (introduced: string): boolean => now >= versionNumber(introduced);
  let kindMax = 0;
  for (let kind = 1; kind <= BTF_KIND_LAST; kind++) if (since(kindSince(kind) ?? '999.0')) kindMax = kind;
  return {
    kindMax,
    infoMask: since('5.13') ? 0x9f00ffff : 0x8f00ffff,
    nameLenMax: since('6.1') ? 512 : 128,
    emptyDatasec: since('5.12'),
    printableDatasecName: since('6.12'),
    dotInNames: since('6.4'),
    signedEnums: since('6.0'),
    datasecResetsMode: since('6.3'),
    tagChecks: since('5.17'),
    resolvesFuncs: since('5.17'),
    tagKflag: since('6.14'),
  };
}
