// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_TYPEDEF, type Btf } from '@tsbpf/btf';
import type { HelperRow } from '@tsbpf/core';
import { helperSymbol } from '@tsbpf/core';
import type { Verification } from '../verification.ts';
import { isStructKind, printedName } from './kind-names.ts';

/**
 * The structure that an ARG_PTR_TO_BTF_ID argument (0 to 4) of a helper points to: the kernel keeps each helper's
 * prototype in its BTF as a typedef `btf_<helper>`. 0 where it cannot be told, which no register's structure equals;
 * why has been logged. Linux looks once in the kernel's life, and so logs once; here it is once per program.
 * @see kernel/bpf/btf.c, btf_resolve_helper_id
 */
export function helperArgStruct(v: Verification, row: HelperRow, arg: number): number {
  const key = `${row.variant}#${arg}`;
  let structId = v.helperBtfIds.get(key);
  if (structId === undefined) {
    structId = resolve(v, row.variant, arg);
    v.helperBtfIds.set(key, structId);
  }
  return structId;
}

function resolve(v: Verification, variant: string, arg: number): number {
  const helper = helperSymbol(variant);
  const refuse = (message: string): 0 => {
    v.log.write(message);
    return 0;
  };
  const btf = v.env.vmlinux;
  if (btf === undefined) return refuse('btf_vmlinux is malformed\n');
  const typeName = `btf_${helper}`;
  const typedef = btf.findByName(typeName, BTF_KIND_TYPEDEF) ?? btf.findByName(`btf_${variant}`, BTF_KIND_TYPEDEF);
  if (typedef === undefined) return refuse(`helper ${typeName} type is not found\n`);
  const protoId = protoBehind(btf, typedef);
  if (protoId === undefined) return 0;
  const { params } = btf.typeOf(protoId, BTF_KIND_FUNC_PROTO);
  if (arg >= params.length) return refuse(`bpf helper ${typeName} doesn't have ${arg}-th argument\n`);

  const ptr = params[arg].typeId;
  if (btf.kind(ptr) !== BTF_KIND_PTR || btf.sizeOrType(ptr) === 0) return refuse('ARG_PTR_TO_BTF is misconfigured\n');
  const structId = btf.skipModifiers(btf.sizeOrType(ptr));
  if (!isStructKind(btf, structId)) return refuse('ARG_PTR_TO_BTF is not a struct\n');
  v.log.write(`helper ${helper} arg${arg} has btf_id ${structId} struct ${printedName(btf, structId)}\n`);
  return structId;
}

function protoBehind(btf: Btf, typedef: number): number | undefined {
  const ptr = btf.sizeOrType(typedef);
  if (btf.kind(ptr) !== BTF_KIND_PTR) return undefined;
  const protoId = btf.sizeOrType(ptr);
  return btf.kind(protoId) === BTF_KIND_FUNC_PROTO ? protoId : undefined;
}
