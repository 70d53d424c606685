// SPDX-License-Identifier: MIT
// Watches the helper calls of a program from outside of the engine: every helper it calls is overridden by one that
// notes arguments and result, so that compiled code calls out, too.
import type { HelperFn, VerifiedProg } from '../../packages/core/src/index.ts';
import type { KernelState } from '../../packages/kernel/src/index.ts';

const MAP_VARIANTS = ['lookup', 'update', 'delete', 'push', 'pop', 'peek'].map((op) => `bpf_map_${op}_elem`);

/** Helper variants that a program may reach. */
function variantsOf(verified: VerifiedProg): string[] {
  const variants = new Set<string>();
  for (const aux of verified.aux) {
    const callee = aux?.callee;
    if (callee?.kind === 'helper' && callee.row.proto.special !== 'tailCall') variants.add(callee.row.variant);
    else if (callee?.kind === 'mapOp') for (const variant of MAP_VARIANTS) variants.add(variant);
  }
  return [...variants];
}

/** Notes helper calls until `stop`: variant, argument words that are no pointers, result. */
export class HelperTrace {
  readonly lines: string[] = [];
  readonly #stops: (() => void)[];

  constructor(state: KernelState, verified: VerifiedProg) {
    this.#stops = variantsOf(verified).map((variant) => {
      const proto = state.helpers.get(variant)?.proto;
      const words = (proto?.args ?? []).flatMap((arg, i) =>
        arg === 'ARG_CONST_SIZE' || arg === 'ARG_CONST_SIZE_OR_ZERO' ? [i] : [],
      );
      const maps = (proto?.args ?? []).flatMap((arg, i) => (arg === 'ARG_CONST_MAP_PTR' ? [i] : []));
      return state.overrides.set(variant, (original) => this.#watch(variant, [...maps, ...words], original));
    });
  }

  #watch(variant: string, shown: readonly number[], original: HelperFn | undefined): HelperFn {
    return (call, ...args) => {
      const r0 = original?.(call, ...args) ?? 0;
      this.lines.push(`${variant}(${shown.map((i) => args[i]).join()}) = ${r0}`);
      return r0;
    };
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}
