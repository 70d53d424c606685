// SPDX-License-Identifier: MIT
// What sysctl programs ask and say. @see kernel/bpf/cgroup.c, bpf_sysctl_get_name
import { E2BIG, EINVAL } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperRow } from '@tsbpf/core';
import { Context } from '../run/context.ts';
import type { Sysctl } from '../sysctl/sysctls.ts';

const PAGE_SIZE = 4096;
/** The last component only. */
const BPF_F_SYSCTL_BASE_NAME = 1;

const contextOf = (call: HelperCall): Context => new Context(call.kernel, 'bpf_sysctl_kern', call.ctx);

/**
 * Copies a value: its length, or -E2BIG where not even one NUL fits behind it, and then what fits with the last byte
 * NUL. The rest of a larger buffer is zeroed; so is all of it where there is no value.
 */
function copyValue(call: HelperCall, to: { buf: number; size: number }, from: { off: number; len: number }): number {
  const { mem } = call.kernel;
  const { buf, size } = to;
  if (buf === 0) return -EINVAL;
  if (size === 0) return -E2BIG;
  if (from.off === 0 || from.len === 0) {
    mem.fill(buf, size, 0);
    return -EINVAL;
  }
  mem.copy(buf, from.off, Math.min(size, from.len));
  if (size > from.len) {
    mem.fill(buf + from.len, size - from.len, 0);
    return from.len;
  }
  mem.write8(buf + size - 1, 0);
  return -E2BIG;
}

export const sysctlHelpers: readonly HelperRow[] = [
  defineHelper('bpf_sysctl_get_name', {
    retWidth: 'sext',
    call(call, _ctx, buf, size, flags) {
      const { mem, objects } = call.kernel;
      if (buf === 0) return -EINVAL;
      const sysctl = objects.get<Sysctl>(contextOf(call).pointer('head'), 'sysctl');
      if (sysctl === undefined) return -EINVAL;
      const whole = (flags & BPF_F_SYSCTL_BASE_NAME) === 0;
      const name = new TextEncoder().encode(whole ? sysctl.name : sysctl.name.slice(sysctl.name.lastIndexOf('/') + 1));
      const room = size >>> 0;
      if (room === 0) return -E2BIG;
      const fits = name.subarray(0, room - 1);
      mem.writeBytes(buf >>> 0, fits);
      mem.write8((buf >>> 0) + fits.length, 0);
      return name.length < room ? name.length : -E2BIG;
    },
  }),
  defineHelper('bpf_sysctl_get_current_value', {
    retWidth: 'sext',
    call(call, _ctx, buf, size) {
      const ctx = contextOf(call);
      const value = { off: ctx.pointer('cur_val'), len: ctx.long('cur_len') };
      return copyValue(call, { buf: buf >>> 0, size: size >>> 0 }, value);
    },
  }),
  defineHelper('bpf_sysctl_get_new_value', {
    retWidth: 'sext',
    call(call, _ctx, buf, size) {
      const ctx = contextOf(call);
      const to = { buf: buf >>> 0, size: size >>> 0 };
      if (ctx.word('write') === 0) {
        if (to.buf !== 0 && to.size > 0) call.kernel.mem.fill(to.buf, to.size, 0);
        return -EINVAL;
      }
      return copyValue(call, to, { off: ctx.pointer('new_val'), len: ctx.long('new_len') });
    },
  }),
  defineHelper('bpf_sysctl_set_new_value', {
    retWidth: 'sext',
    call(call, _ctx, buf, size) {
      const ctx = contextOf(call);
      const target = ctx.pointer('new_val');
      const len = size >>> 0;
      if (ctx.word('write') === 0 || target === 0 || ctx.long('new_len') === 0 || buf === 0 || len === 0)
        return -EINVAL;
      if (len > PAGE_SIZE - 1) return -E2BIG;
      call.kernel.mem.copy(target, buf >>> 0, len);
      ctx.setLong('new_len', len);
      ctx.setWord('new_updated', 1);
      return 0;
    },
  }),
];
