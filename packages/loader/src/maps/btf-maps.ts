// SPDX-License-Identifier: MIT
import {
  BTF_KIND_DATASEC,
  BTF_KIND_STRUCT,
  BTF_KIND_VAR,
  BTF_VAR_GLOBAL_ALLOCATED,
  type Btf,
  type BtfVarSecinfo,
} from '@tsbpf/btf';
import { ENOENT, EOPNOTSUPP, UsageError } from '@tsbpf/uapi';
import type { ElfSection } from '../elf/elf.ts';
import type { MapSpec } from '../open/spec.ts';
import { emptyMapSpec, fillMapDef, type MapDefContext } from './btf-map-def.ts';

function mapOfVar(ctx: MapDefContext, section: ElfSection, info: BtfVarSecinfo): MapSpec {
  const { btf, print, refuse } = ctx;
  const variable = btf.typeOf(info.typeId, BTF_KIND_VAR);
  const { name } = variable;
  const def = btf.skipModifiers(variable.typeId);
  if (name === '') refuse('map #0: empty name.');
  if (info.offset + info.size > section.size) refuse(`map '${name}' BTF data is too big.`, { map: name });
  if (variable.linkage !== BTF_VAR_GLOBAL_ALLOCATED) {
    refuse(`map '${name}': unsupported map linkage ${['static', 'global', 'extern'][variable.linkage]}.`, {
      errno: EOPNOTSUPP,
      map: name,
    });
  }
  if (btf.kind(def) !== BTF_KIND_STRUCT) {
    refuse(`map '${name}': unexpected def kind ${btf.kind(def)}.`, { map: name });
  }
  if (btf.sizeOrType(def) > info.size) refuse(`map '${name}': invalid def size.`, { map: name });
  const map = emptyMapSpec({
    name,
    kind: 'user',
    secName: section.name,
    secIdx: section.index,
    secOffset: info.offset,
  });
  print('debug', `map '${name}': at sec_idx ${section.index}, offset ${info.offset}.`);
  fillMapDef(ctx, map, def);
  return map;
}

/** The maps of a `.maps` section, in its order. */
export function collectBtfMaps(ctx: MapDefContext, section: ElfSection): MapSpec[] {
  const datasec = ctx.btf.findByName(section.name, BTF_KIND_DATASEC);
  if (datasec === undefined) {
    return ctx.refuse(`DATASEC '${section.name}' not found.`, { errno: ENOENT });
  }
  return ctx.btf.typeOf(datasec, BTF_KIND_DATASEC).vars.map((info) => mapOfVar(ctx, section, info));
}

/** The DATASEC of a section; undefined where the BTF has none. */
export function datasecOf(btf: Btf | undefined, secName: string): number | undefined {
  return btf?.findByName(secName, BTF_KIND_DATASEC);
}

/** The struct that declares a map of maps' or a program array's elements begins this many bytes into its variable. */
export function valuesOffset(btf: Btf, map: MapSpec): number | undefined {
  const datasec = datasecOf(btf, map.secName);
  if (datasec === undefined) return undefined;
  const info = btf.typeOf(datasec, BTF_KIND_DATASEC).vars.find((v) => v.offset === map.secOffset);
  if (info === undefined) return undefined;
  const def = btf.skipModifiers(btf.sizeOrType(info.typeId));
  const member = btf.members(def).find((m) => m.name === 'values');
  if (member === undefined) return undefined;
  if (member.bitOffset % 8 !== 0)
    throw new UsageError(`map '${map.name}': values is a bitfield`, { errno: EOPNOTSUPP });
  return member.bitOffset / 8;
}
