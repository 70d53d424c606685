// SPDX-License-Identifier: MIT
// CHECK_ATTR for the typed form: members past a command's last field must be zero or absent.
import { BPF_ATTR_GROUPS, BPF_CMD_ATTRS, EINVAL, type StructLayout } from '@tsbpf/uapi';
import { endOfAttr } from './raw-attr.ts';

function fieldsBeyond(cmd: number): readonly string[] {
  const row = BPF_CMD_ATTRS[cmd];
  if (row === undefined) return [];
  const group: StructLayout = BPF_ATTR_GROUPS[row.group];
  const end = endOfAttr(cmd);
  return group.fields.filter((field) => field.off >= end).map((field) => field.name);
}

/** For each command, the members it does not know. */
const BEYOND: Readonly<Record<number, readonly string[]>> = Object.fromEntries(
  Object.keys(BPF_CMD_ATTRS).map((cmd) => [cmd, fieldsBeyond(Number(cmd))]),
);

const isZero = (value: unknown): boolean =>
  value === undefined || value === 0 || value === 0n || value === '' || value === false;

/** 0, or -EINVAL where a member that the command does not know is set. */
export function checkTyped(cmd: number, attr: Readonly<Record<string, unknown>>): number {
  for (const name of BEYOND[cmd] ?? []) if (!isZero(attr[name])) return -EINVAL;
  return 0;
}
