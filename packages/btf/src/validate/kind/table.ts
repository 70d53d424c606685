// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import type { KindRules } from '../rules.ts';
import { arrayRules } from './array.ts';
import { compositeRules } from './composite.ts';
import { datasecRules } from './datasec.ts';
import { declTagRules } from './decl-tag.ts';
import { enum64Rules, enumRules } from './enum.ts';
import { floatRules } from './float.ts';
import { funcRules } from './func.ts';
import { funcProtoRules } from './func-proto.ts';
import { fwdRules } from './fwd.ts';
import { intRules } from './int.ts';
import { modifierRules, ptrRules } from './ref.ts';
import { varRules } from './var.ts';

/** The rules by kind, from 1. */
const RULES: readonly (KindRules | undefined)[] = [
  undefined,
  intRules,
  ptrRules,
  arrayRules,
  compositeRules,
  compositeRules,
  enumRules,
  fwdRules,
  modifierRules,
  modifierRules,
  modifierRules,
  modifierRules,
  funcRules,
  funcProtoRules,
  varRules,
  datasecRules,
  floatRules,
  declTagRules,
  modifierRules,
  enum64Rules,
];

export function kindRules(kind: number): KindRules {
  const rules = RULES[kind];
  if (!rules) throw new InternalError(`no rules for BTF kind ${kind}`);
  return rules;
}
