// SPDX-License-Identifier: MIT
export { helperRows } from './rows.ts';
export { mapArg } from './map/elements.ts';
export { returnWords, wideArg } from './words.ts';
export { commBytes, taskStruct, TASK_COMM_LEN } from './task/task-struct.ts';
export { TASK_SIZE_MAX, userSpaceOf, type UserSpace } from './task/user-space.ts';
export { copyFrom, type AddressSpace } from './probe/unsafe-memory.ts';
export { eventOutput, eventSlot, type PerfEventMap, type PerfEventTarget } from './perf/event-output.ts';
export { isAscii, isPrint, isPunct, isSpace } from './string/character.ts';
