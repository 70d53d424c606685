// SPDX-License-Identifier: MIT
// Generates @tsbpf/loader's table of section names.
import { generatedHeader, readReference, type GeneratedFile } from './reference.ts';

interface SecTableJson {
  libbpf_1_8dev: {
    entries: {
      sec: string;
      type: string;
      expected_attach_type: string | 0;
      flags: string[];
      auto_attach: string | null;
    }[];
  };
}
interface AttachJson {
  attach_types: { id: number; name: string }[];
}

/** `enum bpf_attach_type` after v5.6, in its order: the first is 26. */
const LATER_ATTACH_TYPES = (
  'MODIFY_RETURN LSM_MAC TRACE_ITER CGROUP_INET4_GETPEERNAME CGROUP_INET6_GETPEERNAME CGROUP_INET4_GETSOCKNAME ' +
  'CGROUP_INET6_GETSOCKNAME XDP_DEVMAP CGROUP_INET_SOCK_RELEASE XDP_CPUMAP SK_LOOKUP XDP SK_SKB_VERDICT ' +
  'SK_REUSEPORT_SELECT SK_REUSEPORT_SELECT_OR_MIGRATE PERF_EVENT TRACE_KPROBE_MULTI LSM_CGROUP STRUCT_OPS NETFILTER ' +
  'TCX_INGRESS TCX_EGRESS TRACE_UPROBE_MULTI CGROUP_UNIX_CONNECT CGROUP_UNIX_SENDMSG CGROUP_UNIX_RECVMSG ' +
  'CGROUP_UNIX_GETPEERNAME CGROUP_UNIX_GETSOCKNAME NETKIT_PRIMARY NETKIT_PEER TRACE_KPROBE_SESSION ' +
  'TRACE_UPROBE_SESSION TRACE_FSESSION TRACE_FENTRY_MULTI TRACE_FEXIT_MULTI TRACE_FSESSION_MULTI'
).split(' ');

/** Program types after v5.6. */
const LATER_PROG_TYPES: Readonly<Record<string, number>> = { LSM: 29, SK_LOOKUP: 30, SYSCALL: 31, NETFILTER: 32 };

const FLAGS: Readonly<Record<string, string>> = {
  SEC_SLEEPABLE: 'sleepable',
  SEC_ATTACH_BTF: 'attachBtf',
  SEC_XDP_FRAGS: 'xdpFrags',
  SEC_ATTACHABLE_OPT: 'expAttachOpt',
  SEC_USDT: 'usdt',
};

export function generateSecTable(): GeneratedFile[] {
  const { entries } = readReference<SecTableJson>('core/sec_table.json').libbpf_1_8dev;
  const attach = new Map(readReference<AttachJson>('programs/attach.json').attach_types.map((t) => [t.name, t.id]));
  LATER_ATTACH_TYPES.forEach((name, i) => attach.set(`BPF_${name}`, 26 + i));
  const progTypes = readReference<{ prog_types: { id: number; name: string }[] }>('programs/progtypes.json').prog_types;
  const types = new Map(progTypes.map((t) => [t.name.replace('BPF_PROG_TYPE_', ''), t.id]));
  for (const [name, id] of Object.entries(LATER_PROG_TYPES)) types.set(name, id);

  const rows = entries.map((entry) => {
    const type = types.get(entry.type);
    const expected = entry.expected_attach_type === 0 ? 0 : attach.get(entry.expected_attach_type);
    if (type === undefined || expected === undefined) throw new Error(`sec_table.json: unknown names in ${entry.sec}`);
    const prefix = entry.sec.endsWith('+');
    const fields = [
      `sec: '${prefix ? entry.sec.slice(0, -1) : entry.sec}'`,
      `prefix: ${prefix}`,
      `progType: ${type}`,
      `expectedAttachType: ${expected}`,
      ...entry.flags.flatMap((flag) => (FLAGS[flag] === undefined ? [] : [`${FLAGS[flag]}: true`])),
      ...(entry.auto_attach === null ? [] : [`autoAttach: '${entry.auto_attach.replace('attach_', '')}'`]),
    ];
    return `  { ${fields.join(', ')} },`;
  });
  const names = [...attach].map(([name, id]) => `  ${id}: '${name}',`);
  const typeNames = [...types].map(([name, id]) => `  ${id}: 'BPF_PROG_TYPE_${name}',`);
  return [
    {
      path: 'packages/loader/src/sections/generated/sec-table.ts',
      text:
        `${generatedHeader}import type { SecDef } from '../sec-def.ts';\n\n` +
        `/** Section names in the order they are tried. */\nexport const SEC_DEFS: readonly SecDef[] = [\n${rows.join('\n')}\n];\n\n` +
        `/** Names of attach types, newer than v5.6 included. */\nexport const ATTACH_TYPE_NAMES: Readonly<Record<number, string>> = {\n${names.join('\n')}\n};\n\n` +
        `/** Names of program types, newer than v5.6 included. */\nexport const PROG_TYPE_NAMES: Readonly<Record<number, string>> = {\n${typeNames.join('\n')}\n};\n`,
    },
  ];
}
