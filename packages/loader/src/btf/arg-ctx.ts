// SPDX-License-Identifier: MIT
// Global functions say that an argument is the program's context with a tag (`__arg_ctx`, Linux 6.8). Before, kernels
// know a context by its type's name: the function is given a twin whose type has it.
import * as K from '@tsbpf/btf';
import type { Btf } from '@tsbpf/btf';
import * as U from '@tsbpf/uapi';
import { BtfEditor } from './edit.ts';

/** The struct that is a program type's context, where a kernel knows it by its name alone. */
const CONTEXTS: Readonly<Record<number, string>> = {
  [U.BPF_PROG_TYPE_SOCKET_FILTER]: '__sk_buff',
  [U.BPF_PROG_TYPE_SCHED_CLS]: '__sk_buff',
  [U.BPF_PROG_TYPE_SCHED_ACT]: '__sk_buff',
  [U.BPF_PROG_TYPE_CGROUP_SKB]: '__sk_buff',
  [U.BPF_PROG_TYPE_LWT_IN]: '__sk_buff',
  [U.BPF_PROG_TYPE_LWT_OUT]: '__sk_buff',
  [U.BPF_PROG_TYPE_LWT_XMIT]: '__sk_buff',
  [U.BPF_PROG_TYPE_LWT_SEG6LOCAL]: '__sk_buff',
  [U.BPF_PROG_TYPE_SK_SKB]: '__sk_buff',
  [U.BPF_PROG_TYPE_FLOW_DISSECTOR]: '__sk_buff',
  [U.BPF_PROG_TYPE_XDP]: 'xdp_md',
  [U.BPF_PROG_TYPE_CGROUP_SOCK]: 'bpf_sock',
  [U.BPF_PROG_TYPE_CGROUP_SOCK_ADDR]: 'bpf_sock_addr',
  [U.BPF_PROG_TYPE_SOCK_OPS]: 'bpf_sock_ops',
  [U.BPF_PROG_TYPE_SK_MSG]: 'sk_msg_md',
  [U.BPF_PROG_TYPE_CGROUP_DEVICE]: 'bpf_cgroup_dev_ctx',
  [U.BPF_PROG_TYPE_CGROUP_SYSCTL]: 'bpf_sysctl',
  [U.BPF_PROG_TYPE_CGROUP_SOCKOPT]: 'bpf_sockopt',
  [U.BPF_PROG_TYPE_SK_REUSEPORT]: 'sk_reuseport_md',
  [U.BPF_PROG_TYPE_PERF_EVENT]: 'bpf_perf_event_data',
  [U.BPF_PROG_TYPE_RAW_TRACEPOINT]: 'bpf_raw_tracepoint_args',
  [U.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE]: 'bpf_raw_tracepoint_args',
};

/** The arguments of functions that are tagged as contexts. */
export function ctxArgs(btf: Btf): Map<number, number[]> {
  const tagged = new Map<number, number[]>();
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== K.BTF_KIND_DECL_TAG || btf.name(id) !== 'arg:ctx') continue;
    const { typeId, componentIdx } = btf.typeOf(id, K.BTF_KIND_DECL_TAG);
    if (componentIdx < 0 || btf.kind(typeId) !== K.BTF_KIND_FUNC) continue;
    tagged.set(typeId, [...(tagged.get(typeId) ?? []), componentIdx]);
  }
  return tagged;
}

/** Function info of a linked program; its type ids are changed in place. */
export interface FuncInfoOf {
  readonly progType: number;
  readonly funcInfo: Uint8Array | undefined;
  readonly funcInfoRecSize: number;
}

/** Gives tagged global functions twins that older kernels understand. The result has the twins appended. */
export function nameContexts(btf: Btf, tagged: ReadonlyMap<number, number[]>, progs: Iterable<FuncInfoOf>): Btf {
  const edit = new BtfEditor(btf);
  const twins = new Map<string, number>();
  const ctxPtrs = new Map<string, number>();
  const ptrTo = (name: string): number => {
    let ptr = ctxPtrs.get(name);
    if (ptr === undefined) {
      const struct = edit.addRecord([edit.addString(name), K.packInfo(K.BTF_KIND_STRUCT, 0, false), 0]);
      ptr = edit.addRecord([0, K.packInfo(K.BTF_KIND_PTR, 0, false), struct]);
      ctxPtrs.set(name, ptr);
    }
    return ptr;
  };
  const twinOf = (func: number, args: readonly number[], ctx: string): number => {
    const proto = edit.word(func, 2);
    const words = Array.from({ length: 3 + 2 * edit.vlen(proto) }, (_, i) => edit.word(proto, i));
    for (const arg of args) {
      if (arg < edit.vlen(proto) && needsName(btf, words[4 + 2 * arg], ctx)) words[4 + 2 * arg] = ptrTo(ctx);
    }
    const twinProto = edit.addRecord(words);
    return edit.addRecord([edit.word(func, 0), edit.word(func, 1), twinProto]);
  };
  for (const { progType, funcInfo, funcInfoRecSize } of progs) {
    const ctx = CONTEXTS[progType];
    if (ctx === undefined || funcInfo === undefined) continue;
    const view = new DataView(funcInfo.buffer, funcInfo.byteOffset, funcInfo.byteLength);
    for (let at = 4; at < funcInfo.length; at += funcInfoRecSize) {
      const func = view.getUint32(at, btf.littleEndian);
      const args = tagged.get(func);
      if (args === undefined || btf.funcLinkage(func) !== K.BTF_FUNC_GLOBAL) continue;
      const key = `${func} ${ctx}`;
      const twin = twins.get(key) ?? twinOf(func, args, ctx);
      twins.set(key, twin);
      view.setUint32(at, twin, btf.littleEndian);
    }
  }
  return edit.build();
}

/** Whether the parameter is a pointer to anything but the context itself. */
function needsName(btf: Btf, typeId: number, ctx: string): boolean {
  const ptr = btf.skipModifiers(typeId);
  if (btf.kind(ptr) !== K.BTF_KIND_PTR) return false;
  const target = btf.skipModifiers(btf.sizeOrType(ptr));
  return !(btf.kind(target) === K.BTF_KIND_STRUCT && btf.name(target) === ctx);
}
