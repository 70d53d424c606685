// SPDX-License-Identifier: MIT
import type { AccessInfo, AccessRequest } from '@tsbpf/core';
import { addressAt, SK, SOCK_ADDR_BYTES, USER_PORT, type AddressField } from './sock-addr-fields.ts';

const WORD = 4;
const SCALAR: AccessInfo = { regType: 'SCALAR_VALUE', ctxFieldSize: 0 };

/** Two words of an IPv6 address at once: the pair must be aligned in the context. */
function wholePair(field: AddressField, off: number): boolean {
  return field.size > WORD && off + 2 * WORD <= field.off + field.size;
}

/**
 * Whether a program may access `bpf_sock_addr`. Words that no field begins at pass, too, and fail at the rewrite.
 * @see net/core/filter.c, sock_addr_is_valid_access
 */
export function accessSockAddr({ off, size, write, prog }: AccessRequest): AccessInfo | undefined {
  if (off < 0 || off >= SOCK_ADDR_BYTES || off % size !== 0) return undefined;
  const address = addressAt(off);
  if (address !== undefined) {
    if (!address.attachTypes.includes(prog.expectedAttachType)) return undefined;
    const fits = size === 2 * WORD ? wholePair(address, off) : write ? size === WORD : size <= WORD;
    return fits ? { regType: 'SCALAR_VALUE', ctxFieldSize: write ? 0 : WORD } : undefined;
  }
  if (off === USER_PORT) return size === WORD ? SCALAR : undefined;
  if (write) return undefined;
  if (off === SK) return size === 8 ? { regType: 'PTR_TO_SOCKET', ctxFieldSize: 0 } : undefined;
  return size === WORD ? SCALAR : undefined;
}
