// SPDX-License-Identifier: MIT
import type { BpfCmd } from '@tsbpf/uapi';
import { btfGetFdById, btfGetNextId, mapGetFdById, mapGetNextId, progGetFdById, progGetNextId } from './ids.ts';
import { btfLoad } from './btf-load.ts';
import { mapCreate } from './map-create.ts';
import { mapDeleteBatch, mapLookupAndDeleteBatch, mapLookupBatch, mapUpdateBatch } from './map-batch.ts';
import { mapDeleteElem } from './map-delete-elem.ts';
import { mapFreeze } from './map-freeze.ts';
import { mapGetNextKey } from './map-get-next-key.ts';
import { mapLookupAndDeleteElem } from './map-lookup-and-delete-elem.ts';
import { mapLookupElem } from './map-lookup-elem.ts';
import { mapUpdateElem } from './map-update-elem.ts';
import { objGet } from './obj-get.ts';
import { objGetInfoByFd } from './info-by-fd.ts';
import { objPin } from './obj-pin.ts';
import { progAttach, progDetach, progQuery } from './prog-attach.ts';
import { progLoad } from './prog-load.ts';
import { progTestRun } from './prog-test-run.ts';
import { rawTracepointOpen } from './raw-tracepoint-open.ts';
import { taskFdQuery } from './task-fd-query.ts';
import type { Command } from '../command.ts';

/** Every command of Linux v5.6, by number. */
export const COMMANDS: { readonly [C in BpfCmd]: Command<C> } = {
  0: mapCreate,
  1: mapLookupElem,
  2: mapUpdateElem,
  3: mapDeleteElem,
  4: mapGetNextKey,
  5: progLoad,
  6: objPin,
  7: objGet,
  8: progAttach,
  9: progDetach,
  10: progTestRun,
  11: progGetNextId,
  12: mapGetNextId,
  13: progGetFdById,
  14: mapGetFdById,
  15: objGetInfoByFd,
  16: progQuery,
  17: rawTracepointOpen,
  18: btfLoad,
  19: btfGetFdById,
  20: taskFdQuery,
  21: mapLookupAndDeleteElem,
  22: mapFreeze,
  23: btfGetNextId,
  24: mapLookupBatch,
  25: mapLookupAndDeleteBatch,
  26: mapUpdateBatch,
  27: mapDeleteBatch,
};
