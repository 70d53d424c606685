// SPDX-License-Identifier: MIT
import { definePtrClass, type PtrClassOps } from '@tsbpf/core';
import { accessAligned } from '../access/ctx-field.ts';
import { rewriteSock } from '../access/sock-rewrite.ts';
import { SOCK_COMMON_FIELDS, SOCKET_FIELDS } from '../generated/ctx-fields.ts';

/** A full socket, read through `bpf_sock`. @see net/core/filter.c, bpf_sock_is_valid_access */
export const socketPtr: PtrClassOps = definePtrClass({
  regType: 'PTR_TO_SOCKET',
  progStruct: 'bpf_sock',
  isValidAccess: (request) => (request.write ? undefined : accessAligned(SOCKET_FIELDS, request)),
  convertAccess: rewriteSock,
});

/** A socket that may be a request's or a time-wait one: fewer fields. @see net/core/filter.c */
export const sockCommonPtr: PtrClassOps = definePtrClass({
  regType: 'PTR_TO_SOCK_COMMON',
  progStruct: 'bpf_sock',
  isValidAccess: (request) => (request.write ? undefined : accessAligned(SOCK_COMMON_FIELDS, request)),
  convertAccess: rewriteSock,
});
