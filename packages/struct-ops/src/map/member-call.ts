// SPDX-License-Identifier: MIT
// Calling a program as a function of the kernel: arguments from registers into a context, R0 back.
import { ENOMEM, FaultError } from '@tsbpf/uapi';
import type { BpfProg, CallRegs, KernelServices, TextSymbol } from '@tsbpf/core';
import { contextBytes, storeArgs, type FuncModel } from '@tsbpf/trampoline';

/** The entry of a member that a program implements. */
export class MemberCall {
  readonly symbol: TextSymbol;
  readonly #kernel: KernelServices;
  readonly #prog: BpfProg;
  readonly #model: FuncModel;
  readonly #name: string;
  readonly #ctx: number;
  #busy = false;

  /** @errno ENOMEM FaultError */
  constructor(kernel: KernelServices, prog: BpfProg, member: { name: string; model: FuncModel; owner: number }) {
    this.#kernel = kernel;
    this.#prog = prog;
    this.#model = member.model;
    this.#name = member.name;
    this.#ctx = this.#context();
    this.symbol = kernel.text.define(`bpf_struct_ops_${member.owner}_${member.name}`, (regs) => this.call(regs));
  }

  call(regs: CallRegs): void {
    const nested = this.#busy;
    const ctx = nested ? this.#context() : this.#ctx;
    this.#busy = true;
    try {
      storeArgs(this.#kernel.mem, this.#model, regs, ctx);
      const r0 = this.#kernel.runProg(this.#prog, ctx);
      regs.lo[0] = r0;
      regs.hi[0] = this.#model.retBytes > 4 ? Number(BigInt.asIntN(32, this.#prog.loaded.lastR0 >> 32n)) : 0;
    } finally {
      this.#busy = nested;
      if (nested) this.#kernel.mem.free(ctx);
    }
  }

  release(): void {
    this.#kernel.text.remove(this.symbol);
    this.#kernel.mem.free(this.#ctx);
  }

  #context(): number {
    const ctx = this.#kernel.mem.alloc(contextBytes(this.#model), { kind: 'ctx', name: `struct_ops:${this.#name}` });
    if (ctx !== 0) return ctx;
    throw new FaultError(`no room for the arguments of ${this.#name} in the kernel memory`, {
      errno: ENOMEM,
      insnIdx: 0,
    });
  }
}
