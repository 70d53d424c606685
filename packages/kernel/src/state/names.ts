// SPDX-License-Identifier: MIT
import { BPF_OBJ_NAME_LEN, EINVAL } from '@tsbpf/uapi';

/** An object name as bpf(2) takes it: undefined where a character or the length is wrong (EINVAL). */
export function checkName(name: string | undefined): 0 | number {
  if (name === undefined || name === '') return 0;
  if (name.length >= BPF_OBJ_NAME_LEN) return -EINVAL;
  return /^[A-Za-z0-9_.]*$/.test(name) ? 0 : -EINVAL;
}
