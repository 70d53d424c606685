// SPDX-License-Identifier: MIT
// Programs around setsockopt(2) and getsockopt(2). @see kernel/bpf/cgroup.c, __cgroup_bpf_run_filter_setsockopt
import { BPF_CGROUP_GETSOCKOPT, BPF_CGROUP_SETSOCKOPT, EFAULT, EINVAL, EPERM } from '@tsbpf/uapi';
import type { Cgroups } from '../cgroups.ts';
import { withCallMemory, type CallMemory, type Context } from '../run/context.ts';
import type { SimSocket } from '../socket/socket.ts';

/** The largest option programs are shown. */
const PAGE_SIZE = 4096;
/** Room a program of setsockopt has at least: for another congestion control's name. */
const MIN_ROOM = 16;
/** A program says so to keep the kernel out of it. */
const BYPASS = -1;

interface SockoptContext {
  readonly ctx: Context;
  readonly optval: number;
}

function contextOf(memory: CallMemory, socket: SimSocket, room: number): SockoptContext {
  const ctx = memory.context('bpf_sockopt_kern');
  const optval = memory.alloc(room, 'packet', 'optval');
  ctx.setPointer('sk', socket.sk.off);
  ctx.setPointer('optval', optval);
  ctx.setPointer('optval_end', optval + room);
  return { ctx, optval };
}

/** A setsockopt call, as the user makes it or as a program rewrote it. */
export interface SetCall {
  readonly level: number;
  readonly optname: number;
  /** User memory from optval on. */
  readonly optval: Uint8Array;
  readonly optlen: number;
}

/**
 * Runs the programs of a socket's cgroup. The result is what the kernel is to do, 0 where it is to do nothing and
 * succeed, or -errno.
 * @errno EINVAL an option of more than a page: no program runs
 * @errno EFAULT user memory ends before the option does; a length set by a program that is more than its room
 * @errno EPERM denied
 */
export function runSetsockoptHook(cgroups: Cgroups, socket: SimSocket, call: SetCall): SetCall | number {
  if (!cgroups.enabled(socket.cgroup.id, BPF_CGROUP_SETSOCKOPT)) return call;
  const room = Math.max(MIN_ROOM, call.optlen);
  if (room > PAGE_SIZE) return -EINVAL;
  if (call.optval.length < call.optlen) return -EFAULT;
  const { mem } = cgroups.kernel;
  return withCallMemory(cgroups.kernel, (memory) => {
    const { ctx, optval } = contextOf(memory, socket, room);
    mem.writeBytes(optval, call.optval.subarray(0, call.optlen));
    ctx.setWord('level', call.level);
    ctx.setWord('optname', call.optname);
    ctx.setWord('optlen', call.optlen);
    if (cgroups.run(socket.cgroup.id, BPF_CGROUP_SETSOCKOPT, ctx.off) === 0) return -EPERM;
    const optlen = ctx.word('optlen');
    if (optlen === BYPASS) return 0;
    if (optlen > room || optlen < BYPASS) return -EFAULT;
    const bytes = mem.readBytes(optval, room);
    return { level: ctx.word('level'), optname: ctx.word('optname'), optval: bytes, optlen };
  });
}

/** What getsockopt leaves behind: the result, user memory, and the length stored there. */
export interface GetResult {
  readonly ret: number;
  readonly optval: Uint8Array;
  readonly optlen: number;
}

/**
 * Runs the programs after the kernel has answered. `room` is what the user's length was before it did.
 * @errno EINVAL an option of more than a page, or of less than nothing, even where the kernel succeeded
 * @errno EFAULT a length that is more than the room or negative; a result that is neither 0 nor the kernel's
 * @errno EPERM denied; user memory keeps what the kernel wrote
 */
export function runGetsockoptHook(
  cgroups: Cgroups,
  socket: SimSocket,
  call: { level: number; optname: number; room: number; answer: GetResult },
): GetResult {
  const { answer, room } = call;
  if (!cgroups.enabled(socket.cgroup.id, BPF_CGROUP_GETSOCKOPT)) return answer;
  if (room > PAGE_SIZE || room < 0) return { ...answer, ret: -EINVAL };
  const { mem } = cgroups.kernel;
  return withCallMemory(cgroups.kernel, (memory) => {
    const { ctx, optval } = contextOf(memory, socket, room);
    const filled = answer.ret === 0 ? Math.min(answer.optlen, room) : 0;
    if (filled > answer.optval.length) return { ...answer, ret: -EFAULT };
    mem.writeBytes(optval, answer.optval.subarray(0, filled));
    ctx.setWord('level', call.level);
    ctx.setWord('optname', call.optname);
    ctx.setWord('optlen', answer.ret === 0 ? filled : room);
    ctx.setWord('retval', answer.ret);
    if (cgroups.run(socket.cgroup.id, BPF_CGROUP_GETSOCKOPT, ctx.off) === 0) return { ...answer, ret: -EPERM };
    const optlen = ctx.word('optlen');
    const retval = ctx.word('retval');
    if (optlen > room || optlen < 0) return { ...answer, ret: -EFAULT };
    if (retval !== 0 && retval !== answer.ret) return { ...answer, ret: -EFAULT };
    if (optlen > answer.optval.length) return { ...answer, ret: -EFAULT };
    const out = answer.optval.slice();
    out.set(mem.readBytes(optval, optlen));
    return { ret: retval, optval: out, optlen };
  });
}
