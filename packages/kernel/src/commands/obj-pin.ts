// SPDX-License-Identifier: MIT
// BPF_OBJ_PIN. @see kernel/bpf/syscall.c, bpf_obj_pin
import { EBADF, EINVAL } from '@tsbpf/uapi';
import type { MapFile, ProgFile } from '@tsbpf/core';
import type { Command } from '../command.ts';

export const objPin: Command<6> = (k, attr) => {
  if ((attr.file_flags ?? 0) !== 0) return -EINVAL;
  const file = k.fds.file(attr.bpf_fd ?? 0);
  if (file === undefined) return -EBADF;
  if (file.kind === 'map') return k.bpffs.pin(attr.pathname, { kind: 'map', map: (file as MapFile).map });
  if (file.kind === 'prog') return k.bpffs.pin(attr.pathname, { kind: 'prog', prog: (file as ProgFile).prog });
  return -EINVAL;
};
