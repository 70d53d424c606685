// SPDX-License-Identifier: MIT
import { BPF_ATTACH_TYPE_NAMES } from '@tsbpf/uapi';
import type { HelperChoice, ProgFacts } from './prog-type.ts';

/**
 * Makes `VerifierOps.getFuncProto` from a list of choices. `configs` are kernel options that are off.
 */
export function helperChooser(
  choices: readonly HelperChoice[],
  options: { readonly missingConfigs?: readonly string[] } = {},
): (id: number, prog: ProgFacts) => string | undefined {
  const byId = new Map<number, HelperChoice[]>();
  for (const choice of choices) {
    const list = byId.get(choice.id);
    if (list === undefined) byId.set(choice.id, [choice]);
    else list.push(choice);
  }
  return (id, prog) =>
    byId.get(id)?.find(({ when }) => {
      if (when === undefined) return true;
      if (when.sysAdmin === true && !prog.privileged) return false;
      if (when.config !== undefined && options.missingConfigs?.includes(when.config) === true) return false;
      const attach = BPF_ATTACH_TYPE_NAMES[prog.expectedAttachType] ?? '';
      return when.attachTypes === undefined || when.attachTypes.includes(attach);
    })?.variant;
}
