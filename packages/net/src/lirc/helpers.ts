// SPDX-License-Identifier: MIT
// What programs report of a remote control. @see drivers/media/rc/bpf-lirc.c, bpf_rc_keydown and its siblings
import { InternalError } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperRow } from '@tsbpf/core';
import { receiversOf, type RemoteReceiver } from './remote.ts';

function receiver(call: HelperCall): RemoteReceiver {
  const found = receiversOf(call).bySample(call.ctx);
  if (found === undefined) throw new InternalError('a program decodes a sample of no receiver');
  return found;
}

export const lircHelpers: readonly HelperRow[] = [
  defineHelper('rc_repeat', {
    retWidth: 'sext',
    call(call) {
      receiver(call).report({ kind: 'repeat' });
      return 0;
    },
  }),
  defineHelper('rc_keydown', {
    retWidth: 'sext',
    wideArgs: [3],
    call(call, _ctx, protocol, scancode, toggle) {
      const wide = (BigInt((call.argHi[3] ?? 0) >>> 0) << 32n) | BigInt(scancode >>> 0);
      receiver(call).report({ kind: 'keydown', protocol: protocol >>> 0, scancode: wide, toggle: toggle !== 0 });
      return 0;
    },
  }),
  defineHelper('rc_pointer_rel', {
    retWidth: 'sext',
    call(call, _ctx, x, y) {
      receiver(call).report({ kind: 'pointer', x, y });
      return 0;
    },
  }),
];
