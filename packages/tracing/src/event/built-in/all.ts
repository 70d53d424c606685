// SPDX-License-Identifier: MIT
import { blockEvents } from './block.ts';
import type { EventDef } from './event-def.ts';
import { netEvents } from './net.ts';
import { otherEvents } from './others.ts';
import { schedEvents } from './sched.ts';

/** Trace events that a kernel has from the start, besides those of the system calls. @see include/trace/events */
export const BUILT_IN_EVENTS: readonly EventDef[] = [...schedEvents, ...otherEvents, ...blockEvents, ...netEvents];
