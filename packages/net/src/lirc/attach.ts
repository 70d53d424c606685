// SPDX-License-Identifier: MIT
// Receivers as targets of BPF_PROG_ATTACH, DETACH and QUERY, and as files. @see drivers/media/rc/bpf-lirc.c
import { BPF_LIRC_MODE2, BPF_PROG_TYPE_LIRC_MODE2, EBADF, EFAULT, EINVAL } from '@tsbpf/uapi';
import type { AttachRow, HostVerbRow, KernelServices } from '@tsbpf/core';
import { receiversOf, type LircFile, type RemoteReceiver } from './remote.ts';

const ID_BYTES = 4;

/** @errno EBADF not open @errno EINVAL another file */
function receiverOf(kernel: KernelServices, fd: number): RemoteReceiver | number {
  const file = kernel.fds.file(fd);
  if (file === undefined) return -EBADF;
  return file.kind === 'lirc' ? (file as LircFile).receiver : -EINVAL;
}

export const lircAttachRow: AttachRow = {
  attachTypes: { [BPF_LIRC_MODE2]: BPF_PROG_TYPE_LIRC_MODE2 },
  attach(kernel, prog, attr) {
    if ((attr.attach_flags ?? 0) !== 0) return -EINVAL;
    const receiver = receiverOf(kernel, attr.target_fd ?? 0);
    return typeof receiver === 'number' ? receiver : receiver.attach(prog);
  },
  detach(kernel, prog, attr) {
    // The program must be named, and be of the type, before the receiver is looked at.
    if (prog === undefined) {
      const file = kernel.fds.get(attr.attach_bpf_fd ?? 0, 'prog');
      return typeof file === 'number' ? file : -EINVAL;
    }
    const receiver = receiverOf(kernel, attr.target_fd ?? 0);
    return typeof receiver === 'number' ? receiver : receiver.detach(prog);
  },
  query(kernel, attr) {
    if ((attr.query_flags ?? 0) !== 0) return -EINVAL;
    const receiver = receiverOf(kernel, attr.target_fd ?? 0);
    if (typeof receiver === 'number') return receiver;
    if (!receiver.raw) return -EINVAL;
    const { progs } = receiver;
    const ids = attr.prog_ids;
    const room = attr.prog_cnt ?? Math.floor((ids?.length ?? 0) / ID_BYTES);
    attr.attach_flags = 0;
    attr.prog_cnt = progs.length;
    if (room === 0 || ids === undefined || progs.length === 0) return 0;
    // v5.6 writes all of them, whatever room it was told of.
    if (ids.length < progs.length * ID_BYTES) return -EFAULT;
    const view = new DataView(ids.buffer, ids.byteOffset, ids.byteLength);
    progs.forEach((prog, i) => view.setUint32(i * ID_BYTES, prog.id, true));
    return 0;
  },
};

export const lircVerbs: HostVerbRow = {
  open(kernel, path) {
    const receiver = path.startsWith('/dev/lirc') ? receiversOf(kernel).find(path) : undefined;
    if (receiver === undefined) return undefined;
    const file: LircFile = { kind: 'lirc', name: path, receiver, release: () => undefined };
    return kernel.fds.install(file);
  },
};
