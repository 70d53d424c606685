// SPDX-License-Identifier: MIT
// Function prototypes in the words of `bpftool prog dump`, which puts a blank on both sides of a star.
import type { Btf } from 'tsbpf';

const KEYWORDS: Readonly<Record<number, string>> = { 4: 'struct', 5: 'union', 6: 'enum', 19: 'enum' };
const MODIFIERS: Readonly<Record<number, string>> = { 9: 'volatile', 10: 'const', 11: 'restrict' };
const PTR = 2;
const ARRAY = 3;
const FWD = 7;
const FUNC_PROTO = 13;

type Proto = { readonly returnTypeId: number; readonly params: readonly { name: string; typeId: number }[] };

/** A type with a blank behind it. */
function typeText(btf: Btf, id: number): string {
  if (id === 0) return 'void ';
  const type = btf.type(id);
  const keyword = KEYWORDS[type.kind];
  if (keyword !== undefined) return `${keyword} ${type.name} `;
  const modifier = MODIFIERS[type.kind];
  if (modifier !== undefined) return `${modifier} ${typeText(btf, (type as { typeId: number }).typeId)}`;
  switch (type.kind) {
    case PTR:
      return `${typeText(btf, (type as { typeId: number }).typeId)}* `;
    case ARRAY: {
      const array = type as { elemTypeId: number; nelems: number };
      return `${typeText(btf, array.elemTypeId)}[${array.nelems}]`;
    }
    case FWD:
      return `${(type as { fwdKind: string }).fwdKind} ${type.name} `;
    case FUNC_PROTO:
      return `${typeText(btf, (type as Proto).returnTypeId)}${parameters(btf, type as Proto)}`;
    default:
      return `${type.name} `;
  }
}

function parameters(btf: Btf, proto: Proto): string {
  if (proto.params.length === 0) return '(void)';
  const list = proto.params.map((param, i) => {
    const variadic = param.typeId === 0 && i === proto.params.length - 1;
    return variadic ? '...' : `${typeText(btf, param.typeId)}${param.name}`.trimEnd();
  });
  return `(${list.join(', ')})`;
}

/** `u32 (struct sock *)` for a FUNC_PROTO. */
export function functionType(btf: Btf, protoId: number): string {
  const proto = btf.funcProto(protoId);
  return `${typeText(btf, proto.returnTypeId)}${parameters(btf, proto)}`;
}

/** `int firewall(struct xdp_md * ctx)` for a FUNC. */
export function prototypeOf(btf: Btf, funcId: number): string {
  const proto = btf.funcProto((btf.type(funcId) as { typeId: number }).typeId);
  return `${typeText(btf, proto.returnTypeId)}${btf.name(funcId)}${parameters(btf, proto)}`;
}
