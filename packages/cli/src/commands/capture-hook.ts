// SPDX-License-Identifier: MIT
// Where a program meets the frames of a capture: one way for each program type that a frame at eth0 reaches.
import {
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
  type BpfProgram,
  type NetDevice,
  type SimulatedKernel,
} from 'tsbpf';

/** What became of a frame; `data` is undefined where nothing is left of it. */
export interface FrameOutcome {
  readonly verdict: string;
  readonly data: Uint8Array | undefined;
}

/** A program attached at eth0. */
export interface CaptureHook {
  receive(frame: Uint8Array): FrameOutcome;
  [Symbol.dispose](): void;
}

function xdpHook(device: NetDevice, prog: BpfProgram): CaptureHook {
  const link = prog.attachXdp(device);
  return {
    receive(frame) {
      const { action, data } = device.receive(frame);
      device.drain();
      return { verdict: action, data };
    },
    [Symbol.dispose]: () => link.detach(),
  };
}

function classifierHook(device: NetDevice, prog: BpfProgram): CaptureHook {
  const link = prog.attachTc(device, { direction: 'ingress' });
  return {
    receive(frame) {
      const { tc } = device.receive(frame);
      const data = device.delivered.at(-1);
      const [sent] = device.drain();
      return { verdict: tc?.verdict ?? 'not classified', data: data ?? sent?.data };
    },
    [Symbol.dispose]: () => link.detach(),
  };
}

function filterHook(device: NetDevice, prog: BpfProgram, kernel: SimulatedKernel): CaptureHook {
  const { fd, socket } = device.openPacketSocket();
  prog.attachSocketFilter(fd);
  return {
    receive(frame) {
      const before = socket.frames.length;
      device.receive(frame);
      device.drain();
      const kept = socket.frames[before];
      return { verdict: kept === undefined ? 'dropped' : 'kept', data: kept?.data };
    },
    [Symbol.dispose]: () => void kernel.close(fd),
  };
}

/** Attaches a program to eth0; undefined for a type that frames do not reach there. */
export function attachForCapture(kernel: SimulatedKernel, prog: BpfProgram): CaptureHook | undefined {
  const device = kernel.net.device('eth0');
  switch (prog.type) {
    case BPF_PROG_TYPE_XDP:
      return xdpHook(device, prog);
    case BPF_PROG_TYPE_SCHED_CLS:
      return classifierHook(device, prog);
    case BPF_PROG_TYPE_SOCKET_FILTER:
      return filterHook(device, prog, kernel);
    default:
      return undefined;
  }
}
