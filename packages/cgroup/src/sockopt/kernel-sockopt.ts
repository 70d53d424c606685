// SPDX-License-Identifier: MIT
// What the kernel itself makes of a socket option. @see net/socket.c, __sys_setsockopt
import { EFAULT, EINVAL, ENOPROTOOPT, EOPNOTSUPP } from '@tsbpf/uapi';
import { AF_INET } from '../socket/address.ts';
import type { SimSocket } from '../socket/socket.ts';
import type { GetResult, SetCall } from './hook.ts';
import { congestionBytes, findOption, setCongestion, SOL_IP, SOL_SOCKET, SOL_TCP } from './options.ts';

const INT_BYTES = 4;

/** The integer in an option's bytes; IP options may be given as one byte. */
function intOf({ level, optval, optlen }: SetCall): number {
  if (level === SOL_IP && optlen < INT_BYTES) {
    if (optlen < 1) return 0;
    return optval.length < 1 ? -EFAULT : (optval[0] as number);
  }
  return new DataView(optval.buffer, optval.byteOffset, optval.byteLength).getInt32(0, true);
}

/** 0 or -errno. */
export function kernelSetsockopt(socket: SimSocket, call: SetCall): number {
  const { level, optname, optval, optlen } = call;
  const target = findOption(socket, level, optname);
  if (target.kind === 'none') return -target.errno;
  if (target.kind === 'congestion') {
    return optval.length < Math.min(optlen, 1) ? -EFAULT : setCongestion(socket, optval.subarray(0, optlen));
  }
  if (optlen < INT_BYTES && level !== SOL_IP) return -EINVAL;
  if (optlen >= INT_BYTES && optval.length < INT_BYTES) return -EFAULT;
  return target.option.set?.(socket, intOf(call)) ?? -ENOPROTOOPT;
}

/** The option's bytes put into `optval`, of which the user says there are `optlen`. */
export function kernelGetsockopt(
  socket: SimSocket,
  call: { level: number; optname: number; optval: Uint8Array; optlen: number },
): GetResult {
  const { level, optname, optval, optlen } = call;
  const fail = (errno: number): GetResult => ({ ret: -errno, optval, optlen });
  if (optlen < 0) return fail(EINVAL);
  const target = findOption(socket, level, optname);
  // Of levels it does not know IPv4 says so in other words than when asked to set something.
  const foreign = socket.family === AF_INET && ![SOL_SOCKET, SOL_TCP, SOL_IP].includes(level);
  if (target.kind === 'none') return fail(foreign ? EOPNOTSUPP : target.errno);
  let bytes: Uint8Array;
  if (target.kind === 'congestion') {
    bytes = congestionBytes(socket);
  } else {
    const value = target.option.get?.(socket);
    if (value === undefined) return fail(ENOPROTOOPT);
    bytes = new Uint8Array(INT_BYTES);
    new DataView(bytes.buffer).setInt32(0, value, true);
    // IP options fit a byte where the user has room for no more.
    if (level === SOL_IP && optlen > 0 && optlen < INT_BYTES && value >= 0 && value <= 255)
      bytes = bytes.subarray(0, 1);
  }
  const copied = bytes.subarray(0, optlen);
  if (copied.length > optval.length) return fail(EFAULT);
  const out = optval.slice();
  out.set(copied);
  return { ret: 0, optval: out, optlen: copied.length };
}
