// SPDX-License-Identifier: MIT
// Registers and stack in the log's words. @see kernel/bpf/verifier.c, print_verifier_state
import { formatBounds, formatKnown, tnumIsConst } from '../scalar/index.ts';
import type { Frame } from '../state/frame.ts';
import { LIVE_DONE, LIVE_READ, LIVE_WRITTEN } from '../state/liveness-bits.ts';
import type { Reg } from '../state/reg.ts';
import { REG_TYPE_NAMES, isPacketPtr, printsRefObjId } from '../state/reg-class.ts';
import { SLOT_EMPTY, slotText } from '../state/slot.ts';
import type { Verification } from '../verification.ts';

function liveText(live: number): string {
  if ((live & (LIVE_READ | LIVE_WRITTEN | LIVE_DONE)) === 0) return '';
  let text = '_';
  if ((live & LIVE_READ) !== 0) text += 'r';
  if ((live & LIVE_WRITTEN) !== 0) text += 'w';
  if ((live & LIVE_DONE) !== 0) text += 'D';
  return text;
}

/** The name of a struct of the kernel's BTF. */
export function kernelTypeName(v: Verification, btfId: number): string {
  return v.env.vmlinux?.name(btfId) ?? '';
}

/** A register: `inv5`, `fp-8`, `map_value(id=0,off=0,ks=4,vs=8,imm=0)`. */
export function regText(v: Verification, reg: Reg): string {
  const { type, bounds } = reg;
  const name = REG_TYPE_NAMES[type];
  const mark = type === 'SCALAR_VALUE' && reg.precise ? 'P' : '';
  const known = tnumIsConst(bounds);
  if (known && (type === 'SCALAR_VALUE' || type === 'PTR_TO_STACK'))
    return `${name}${mark}${formatKnown(bounds, reg.off)}`;
  let text = `${name}${mark}`;
  if (type === 'PTR_TO_BTF_ID') text += kernelTypeName(v, reg.btfId);
  text += `(id=${reg.id}`;
  if (printsRefObjId(type)) text += `,ref_obj_id=${reg.refObjId}`;
  if (type !== 'SCALAR_VALUE') text += `,off=${reg.off}`;
  if (isPacketPtr(type)) text += `,r=${reg.range}`;
  else if (type === 'CONST_PTR_TO_MAP' || type === 'PTR_TO_MAP_VALUE' || type === 'PTR_TO_MAP_VALUE_OR_NULL') {
    text += `,ks=${reg.map?.keySize},vs=${reg.map?.valueSize}`;
  }
  return `${text}${formatBounds(bounds)})`;
}

/** A spilled register: its type, and the value where it is a known scalar. */
function spillText(reg: Reg): string {
  let text = REG_TYPE_NAMES[reg.type];
  if (reg.type !== 'SCALAR_VALUE') return text;
  if (reg.precise) text += 'P';
  return tnumIsConst(reg.bounds) ? text + formatKnown(reg.bounds, reg.off) : text;
}

/** The pieces of a state line, without its newline. */
export function* stateParts(v: Verification, f: Frame): Generator<string> {
  if (f.frameno !== 0) yield ` frame${f.frameno}:`;
  for (let i = 0; i < f.regs.length; i++) {
    const reg = f.regs[i];
    if (reg.type !== 'NOT_INIT') yield ` R${i}${liveText(f.live[i])}=${regText(v, reg)}`;
  }
  for (let spi = 0; spi < f.stack.length; spi++) {
    const slot = f.stack[spi];
    if (slot === SLOT_EMPTY) continue;
    const what = typeof slot === 'number' ? slotText(slot) : spillText(slot);
    yield ` fp${-8 * (spi + 1)}${liveText(f.stackLive[spi])}=${what}`;
  }
  let first = true;
  for (const ref of f.refs) {
    yield first ? ` refs=${ref.id}` : `,${ref.id}`;
    first = false;
  }
}

/** Logs a state, piece by piece: a piece may be cut, a line is not. */
export function logState(v: Verification, f: Frame): void {
  if (!v.log.on || v.log.full) return;
  for (const part of stateParts(v, f)) v.log.write(part);
  v.log.write('\n');
}

/** A state in one line, for explanations. */
export function stateText(v: Verification, f: Frame): string {
  return [...stateParts(v, f)].join('').trimStart();
}
