// SPDX-License-Identifier: MIT
export {
  BTF_MAGIC,
  BTF_VERSION,
  BTF_HEADER_LEN,
  BTF_MAX_TYPE,
  BTF_MAX_NAME_OFFSET,
  BTF_MAX_SIZE,
  BTF_KIND_UNKN,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_ARRAY,
  BTF_KIND_STRUCT,
  BTF_KIND_UNION,
  BTF_KIND_ENUM,
  BTF_KIND_FWD,
  BTF_KIND_TYPEDEF,
  BTF_KIND_VOLATILE,
  BTF_KIND_CONST,
  BTF_KIND_RESTRICT,
  BTF_KIND_FUNC,
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_VAR,
  BTF_KIND_DATASEC,
  BTF_KIND_FLOAT,
  BTF_KIND_DECL_TAG,
  BTF_KIND_TYPE_TAG,
  BTF_KIND_ENUM64,
  BTF_KIND_LAST,
  BTF_INT_SIGNED,
  BTF_INT_CHAR,
  BTF_INT_BOOL,
  BTF_FUNC_STATIC,
  BTF_FUNC_GLOBAL,
  BTF_FUNC_EXTERN,
  BTF_VAR_STATIC,
  BTF_VAR_GLOBAL_ALLOCATED,
  BTF_VAR_GLOBAL_EXTERN,
  BTF_KIND_NAMES,
  infoKind,
  infoVlen,
  infoKflag,
  packInfo,
} from './kinds.ts';
export { Btf, parseBtf } from './model/btf.ts';
export { essentialName } from './model/name-index.ts';
export type {
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfDeclTag,
  BtfEnum,
  BtfEnum64,
  BtfFloat,
  BtfFunc,
  BtfFuncProto,
  BtfFwd,
  BtfInt,
  BtfMember,
  BtfRef,
  BtfType,
  BtfTypeInit,
  BtfTypeTag,
  BtfVar,
  BtfVarSecinfo,
  BtfVoid,
} from './types.ts';
export { validateBtf, type ValidateBtfOptions, type ValidateBtfResult } from './validate/validate.ts';
export {
  parseBtfExt,
  recordsBySection,
  type BtfCoreRelo,
  type BtfExt,
  type BtfExtInfo,
  type BtfExtSection,
  type BtfFuncInfo,
  type BtfLineInfo,
} from './ext/ext.ts';
export { encodeBtf, typesOf, type EncodeBtfOptions } from './encode/encode.ts';
export { createBtfBuilder, type BtfBuilder, type MemberInit } from './encode/builder.ts';
export { formatJson } from './dump/json.ts';
export type { Json } from './kind/def.ts';
export { dumpBtfRaw, dumpBtfRawJson, rawTypeJson, rawTypeText, type RawDumpOptions } from './dump/raw.ts';
export { dumpBtfC, dumpBtfTypesC, typeDeclC } from './c-dump/dump.ts';
export {
  BPF_CORE_ENUMVAL_EXISTS,
  BPF_CORE_ENUMVAL_VALUE,
  BPF_CORE_FIELD_BYTE_OFFSET,
  BPF_CORE_FIELD_BYTE_SIZE,
  BPF_CORE_FIELD_EXISTS,
  BPF_CORE_FIELD_LSHIFT_U64,
  BPF_CORE_FIELD_RSHIFT_U64,
  BPF_CORE_FIELD_SIGNED,
  BPF_CORE_TYPE_EXISTS,
  BPF_CORE_TYPE_ID_LOCAL,
  BPF_CORE_TYPE_ID_TARGET,
  BPF_CORE_TYPE_MATCHES,
  BPF_CORE_TYPE_SIZE,
  coreReloKindName,
} from './core/kinds.ts';
export type { CoreLog } from './core/log.ts';
export { formatCoreSpec, parseCoreSpec, type CoreAccessor, type CoreSpec } from './core/spec.ts';
export { findCoreCandidates, type CoreCandidate, type CoreTarget } from './core/candidates.ts';
export { fieldsAreCompat, typesAreCompat, type TypePair } from './core/compat.ts';
export { typesMatch } from './core/types-match.ts';
export {
  computeCoreRelo,
  type ComputeCoreReloInit,
  type CoreDecision,
  type CoreRelo,
  type CoreReloResult,
} from './core/relo.ts';
export { decodeValue, type DecodeValueOptions } from './value/decode.ts';
export { encodeValue } from './value/encode.ts';
export { formatValue } from './value/format.ts';
export { showValue } from './value/show.ts';
export { enumName, enumValue } from './value/scalar.ts';
export type { BtfValue } from './value/types.ts';
export {
  findMember,
  linearArray,
  memberAt,
  membersAt,
  memberSpan,
  resolvePath,
  type LinearArray,
  type MemberPlace,
} from './walk/members.ts';
export { dedupBtf, type DedupBtfOptions, type DedupBtfResult } from './dedup/dedup.ts';
export { minCoreBtf, type MinCoreObject } from './min-core/min-core.ts';
