// SPDX-License-Identifier: MIT
// Neighbours of bpf(2) that tracing answers: perf events, and the files that say how to open them.
import type { HostVerbRow, KernelServices } from '@tsbpf/core';
import { formatFile } from './event/trace-event.ts';
import { openPerfEvent } from './perf/open.ts';
import { PERF_TYPE_KPROBE, PERF_TYPE_UPROBE } from './perf/perf-event.ts';
import { setBpf } from './perf/set-bpf.ts';
import { tracingOf } from './tracing.ts';

const TRACE_PIPE = /^\/sys\/kernel\/(?:debug\/)?tracing\/trace_pipe$/;
const EVENT_FILE = /^\/sys\/kernel\/(?:debug\/)?tracing\/events\/([^/]+)\/([^/]+)\/(id|format)$/;

/** Of the dynamic PMUs: their number, and which bit of config asks for the return of a function. */
const PMU_FILES: Readonly<Record<string, string>> = {
  '/sys/bus/event_source/devices/kprobe/type': `${PERF_TYPE_KPROBE}\n`,
  '/sys/bus/event_source/devices/kprobe/format/retprobe': 'config:0\n',
  '/sys/bus/event_source/devices/uprobe/type': `${PERF_TYPE_UPROBE}\n`,
  '/sys/bus/event_source/devices/uprobe/format/retprobe': 'config:0\n',
};

function fileText(kernel: KernelServices, path: string): string | undefined {
  if (TRACE_PIPE.test(path)) {
    const lines = tracingOf(kernel).tracePipe.take();
    return lines.map((line) => `${line}\n`).join('');
  }
  const [, category = '', name = '', file] = EVENT_FILE.exec(path) ?? [];
  if (file === undefined) return PMU_FILES[path];
  const event = tracingOf(kernel).findEvent(`${category}:${name}`);
  if (event === undefined) return undefined;
  return file === 'id' ? `${event.id}\n` : formatFile(event);
}

export const tracingVerbs: HostVerbRow = {
  perfEventOpen: openPerfEvent,
  perfEventSetBpf: setBpf,
  readFile(kernel, path) {
    const text = fileText(kernel, path);
    return text === undefined ? undefined : new TextEncoder().encode(text);
  },
  poll(kernel, fds) {
    const files = fds.map((fd) => kernel.fds.get(fd, 'perf_event'));
    if (files.some((file) => typeof file === 'number')) return undefined;
    return fds.filter((_, i) => {
      const file = files[i];
      return typeof file === 'object' && file.event.pending > 0;
    });
  },
};
