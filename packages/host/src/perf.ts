// SPDX-License-Identifier: MIT
// perf events, as far as attaching BPF programs needs them.
// @see perf_event_open(2), include/uapi/linux/perf_event.h
import type { PerfEventOpenAttr } from '@tsbpf/uapi';
import { keepAlive } from './libc.ts';
import type { Libc } from './libc.ts';
import { LITTLE, cString } from './struct-bytes.ts';

const PERF_ATTR_BYTES = 112; // PERF_ATTR_SIZE_VER5
const PERF_FLAG_FD_CLOEXEC = 8;
const FREQ_BIT = 1n << 10n;
const PERF_EVENT_IOC_ENABLE = 0x2400;
const PERF_EVENT_IOC_SET_BPF = 0x40042408;
const RETPROBE_CONFIG_BIT = 1n;

/** The bytes of `struct perf_event_attr`; `pathAddr` is where the path or function name is, 0 for none. */
export function encodePerfAttr(attr: PerfEventOpenAttr, pathAddr: bigint): Uint8Array {
  const bytes = new Uint8Array(PERF_ATTR_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, attr.type, LITTLE);
  view.setUint32(4, PERF_ATTR_BYTES, LITTLE);
  view.setBigUint64(8, attr.config | (attr.retprobe === true ? RETPROBE_CONFIG_BIT : 0n), LITTLE);
  view.setBigUint64(16, attr.sampleFreq ?? attr.samplePeriod ?? 0n, LITTLE);
  view.setBigUint64(24, attr.sampleType ?? 0n, LITTLE);
  view.setBigUint64(40, attr.sampleFreq === undefined ? 0n : FREQ_BIT, LITTLE);
  view.setUint32(48, attr.wakeupEvents ?? 0, LITTLE);
  view.setBigUint64(56, pathAddr, LITTLE);
  view.setBigUint64(64, attr.probeOffset ?? 0n, LITTLE);
  return bytes;
}

/** perf_event_open(2): an fd or -errno. */
export function perfEventOpen(libc: Libc, syscallNumber: number, attr: PerfEventOpenAttr): number {
  const path = attr.path === undefined ? undefined : cString(attr.path);
  const bytes = encodePerfAttr(attr, path === undefined ? 0n : libc.addressOf(path));
  const result = libc.syscall(syscallNumber, libc.addressOf(bytes), attr.pid, attr.cpu, -1, PERF_FLAG_FD_CLOEXEC);
  keepAlive(path === undefined ? [bytes] : [bytes, path]);
  return result;
}

/** Sets the program of a perf event and enables the event. */
export function perfEventSetBpf(libc: Libc, perfFd: number, progFd: number): number {
  const set = libc.ioctl(perfFd, PERF_EVENT_IOC_SET_BPF, progFd);
  return set < 0 ? set : libc.ioctl(perfFd, PERF_EVENT_IOC_ENABLE, 0);
}
