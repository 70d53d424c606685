// SPDX-License-Identifier: MIT
import type { HasIfindex } from '@tsbpf/uapi';
import { BpfLink } from '../handle/link.ts';
import { failed } from '../handle/syscall.ts';
import type { Attachable } from './attachable.ts';

const SOL_SOCKET = 1;
const SO_DETACH_FILTER = 27;
const SO_ATTACH_BPF = 50;
const XDP_FLAGS_MODES = 0xe;

/** Where a classifier goes. @see tc-bpf(8) */
export interface TcOptions {
  readonly direction: 'ingress' | 'egress';
  readonly priority?: number;
  readonly handle?: number;
  /** The return value is the verdict; on where not given. */
  readonly directAction?: boolean;
}

/** Sets a device's XDP program. `flags` are XDP_FLAGS_*. */
export function attachXdp(prog: Attachable, { ifindex, flags = 0 }: HasIfindex & { flags?: number }): BpfLink {
  const { sys } = prog;
  const target = `xdp on ifindex ${ifindex}`;
  const result = sys.setLinkXdp(ifindex, prog.fd, flags);
  if (result < 0) throw failed('setLinkXdp', result, `prog '${prog.name}': failed to attach to ${target}`);
  return new BpfLink({
    progName: prog.name,
    target,
    detach: () => {
      // Only the mode matters when a program is taken away.
      const undone = sys.setLinkXdp(ifindex, -1, flags & XDP_FLAGS_MODES);
      if (undone < 0) throw failed('setLinkXdp', undone, `prog '${prog.name}': failed to detach from ${target}`);
    },
  });
}

export function attachTc(prog: Attachable, { ifindex }: HasIfindex, options: TcOptions): BpfLink {
  const { sys } = prog;
  const { direction } = options;
  const target = `tc ${direction} on ifindex ${ifindex}`;
  const handle = sys.attachTc(ifindex, prog.fd, { directAction: true, ...options });
  if (handle < 0) throw failed('attachTc', handle, `prog '${prog.name}': failed to attach to ${target}`);
  return new BpfLink({
    progName: prog.name,
    target,
    detach: () => {
      const undone = sys.detachTc(ifindex, { direction, handle });
      if (undone < 0) throw failed('detachTc', undone, `prog '${prog.name}': failed to detach from ${target}`);
    },
  });
}

const int = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer);

export function attachSocketFilter(prog: Attachable, socketFd: number): BpfLink {
  const { sys } = prog;
  const result = sys.setsockopt(socketFd, SOL_SOCKET, SO_ATTACH_BPF, int(prog.fd));
  if (result < 0) throw failed('setsockopt', result, `prog '${prog.name}': failed to attach to socket ${socketFd}`);
  return new BpfLink({
    progName: prog.name,
    target: `socket ${socketFd}`,
    detach: () => {
      const undone = sys.setsockopt(socketFd, SOL_SOCKET, SO_DETACH_FILTER, int(0));
      if (undone < 0) throw failed('setsockopt', undone, `prog '${prog.name}': failed to detach from socket`);
    },
  });
}
