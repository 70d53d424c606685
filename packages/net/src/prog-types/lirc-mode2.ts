// SPDX-License-Identifier: MIT
import { BPF_PROG_TYPE_LIRC_MODE2 } from '@tsbpf/uapi';
import { defineProgType, helperChooser, PROG_TYPE_HELPERS, type ProgTypeDef } from '@tsbpf/core';
import { accessAligned } from '../access/ctx-field.ts';
import { LIRC_MODE2_FIELDS } from '../generated/ctx-fields.ts';

/** LIRC_MODE2: decodes infrared remote controls; the context is one sample. @see drivers/media/rc/bpf-lirc.c */
export const lircMode2ProgType: ProgTypeDef = defineProgType({
  type: BPF_PROG_TYPE_LIRC_MODE2,
  name: 'lirc_mode2',
  since: '4.18',
  progCtx: { name: '__u32', kind: 'typedef' },
  kernelCtx: 'u32',
  verifier: {
    getFuncProto: helperChooser(PROG_TYPE_HELPERS.LIRC_MODE2),
    isValidAccess: (request) => accessAligned(LIRC_MODE2_FIELDS, request),
    packetAccess: 'none',
  },
  ops: {},
});
