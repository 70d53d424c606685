// SPDX-License-Identifier: MIT
// `cgroup show`, `tree`, `attach` and `detach`, as bpftool says them, and `create`, which bpftool leaves to mkdir.
import {
  BPF_ATTACH_TYPE_NAMES,
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_QUERY_EFFECTIVE,
  BPF_OBJ_GET,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_GET_FD_BY_ID,
  BPF_PROG_GET_NEXT_ID,
  BPF_PROG_QUERY,
  ENOENT,
  errnoText,
  formatJson,
  UsageError,
  type ProgInfo,
  type ProgQueryAttr,
  type SimulatedKernel,
} from 'tsbpf';
import { fail, type BpftoolOptions } from '../commands/bpftool-error.ts';
import { chooseProgram } from '../commands/open.ts';
import { print } from '../output/streams.ts';
import type { Session } from '../session.ts';

/** Names bpftool took before it used those of attach types; they may be cut short. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  ingress: 'cgroup_inet_ingress',
  egress: 'cgroup_inet_egress',
  sock_create: 'cgroup_inet_sock_create',
  sock_ops: 'cgroup_sock_ops',
  device: 'cgroup_device',
  bind4: 'cgroup_inet4_bind',
  bind6: 'cgroup_inet6_bind',
  connect4: 'cgroup_inet4_connect',
  connect6: 'cgroup_inet6_connect',
  post_bind4: 'cgroup_inet4_post_bind',
  post_bind6: 'cgroup_inet6_post_bind',
  sendmsg4: 'cgroup_udp4_sendmsg',
  sendmsg6: 'cgroup_udp6_sendmsg',
  sysctl: 'cgroup_sysctl',
  recvmsg4: 'cgroup_udp4_recvmsg',
  recvmsg6: 'cgroup_udp6_recvmsg',
  getsockopt: 'cgroup_getsockopt',
  setsockopt: 'cgroup_setsockopt',
};

/** Attach types of cgroups by name, in the order of their numbers. */
const ATTACH_TYPES = new Map(
  Object.entries(BPF_ATTACH_TYPE_NAMES)
    .map(([number, name]) => [name.replace('BPF_', '').toLowerCase(), Number(number)] as const)
    .filter(([name]) => name.startsWith('cgroup_'))
    .sort(([, a], [, b]) => a - b),
);

const MAX_PROGS = 1024;
const ID_BYTES = 4;
/** A name of as many bytes may have been cut. */
const LONGEST_NAME = 15;

/** One line of a listing. */
interface Attached {
  readonly id: number;
  readonly attach_type: string;
  readonly attach_flags?: string;
  readonly name: string;
}

const FLAG_NAMES: Readonly<Record<number, string>> = {
  0: '',
  [BPF_F_ALLOW_MULTI]: 'multi',
  [BPF_F_ALLOW_OVERRIDE]: 'override',
};

/** A program's name, whole where its function's name tells the rest. */
function nameOf(kernel: SimulatedKernel, id: number): string {
  const prog = kernel.state.progs.get(id);
  if (prog === undefined || prog.name.length < LONGEST_NAME || prog.btf === undefined) return prog?.name ?? '';
  const { bytes } = prog.funcInfo ?? { bytes: new Uint8Array(0) };
  if (bytes.length < 8) return prog.name;
  const whole = prog.btf.btf.name(new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true));
  return whole.startsWith(prog.name) ? whole : prog.name;
}

/** What is attached to a cgroup, or in effect there. */
function query(session: Session, path: string, effective: boolean): Attached[] {
  const kernel = session.kernel({});
  const fd = kernel.open(path, 0);
  if (fd < 0) fail(`can't open cgroup ${path}`);
  try {
    return [...ATTACH_TYPES].flatMap(([attach_type, number]) => {
      const ids = new Uint8Array(MAX_PROGS * ID_BYTES);
      const query_flags = effective ? BPF_F_QUERY_EFFECTIVE : 0;
      const ask: ProgQueryAttr = {
        target_fd: fd,
        attach_type: number,
        query_flags,
        prog_ids: ids,
        prog_cnt: MAX_PROGS,
      };
      if (kernel.bpf(BPF_PROG_QUERY, ask) < 0) return [];
      const view = new DataView(ids.buffer);
      return Array.from({ length: ask.prog_cnt ?? 0 }, (_, i) => {
        const id = view.getUint32(i * ID_BYTES, true);
        const flags = FLAG_NAMES[ask.attach_flags ?? 0] ?? `unknown(${(ask.attach_flags ?? 0).toString(16)})`;
        const name = nameOf(kernel, id);
        return { id, attach_type, ...(effective ? {} : { attach_flags: flags }), name };
      });
    });
  } finally {
    kernel.close(fd);
  }
}

/** bpftool says these of every program. */
const json = (one: Attached): object => ({ ...one, attach_btf_name: '', attach_btf_obj_id: 0, attach_btf_id: 0 });

const jsonText = (value: unknown, { pretty }: BpftoolOptions): string =>
  formatJson(value as Parameters<typeof formatJson>[0], { pretty });

const COLUMN = 15;

const header = (effective: boolean): string =>
  [
    'ID'.padEnd(8),
    ...['AttachType', ...(effective ? [] : ['AttachFlags']), 'Name'].map((title) => title.padEnd(COLUMN)),
  ].join(' ');

function line({ id, attach_type, attach_flags, name }: Attached): string {
  const cells = [attach_type, ...(attach_flags === undefined ? [] : [attach_flags]), name, ''];
  return [String(id).padEnd(8), ...cells.map((cell) => cell.padEnd(COLUMN))].join(' ');
}

/** The path as the file system has it. */
function inMount(path: string): string {
  const mount = '/sys/fs/cgroup';
  if (path === mount || path.startsWith(`${mount}/`)) return path.replace(/\/+$/, '');
  return path.startsWith('/') ? `${mount}${path === '/' ? '' : path}` : path;
}

/** `effective`, or nothing; anything else is one word too many. */
function isEffective(words: readonly string[]): boolean {
  const [word, extra] = words;
  if (word !== undefined && !(word !== '' && 'effective'.startsWith(word))) {
    fail(`expected no more arguments, 'effective', got: '${word}'?`);
  }
  if (extra !== undefined) fail(`expected no more arguments, 'effective', got: '${extra}'?`);
  return word !== undefined;
}

/** `cgroup show CGROUP [effective]` */
export function showCgroup(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const [path, ...rest] = words;
  if (path === undefined) return fail("'show' needs at least 1 arguments, 0 found");
  const effective = isEffective(rest);
  if (session.kernel({}).cgroups.find(path) === undefined) fail(`can't open cgroup ${path}`);
  const found = query(session, inMount(path), effective);
  if (options.json) print(found.length === 0 ? '' : jsonText(found.map(json), options));
  else if (found.length > 0) print([header(effective), ...found.map(line)].join('\n'));
}

/** `cgroup tree [CGROUP_ROOT] [effective]` */
export function showTree(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const rootGiven = words[0] !== undefined && words[0] !== 'effective';
  const [given = '/sys/fs/cgroup', ...rest] = rootGiven ? words : ['/sys/fs/cgroup', ...words];
  const effective = isEffective(rest);
  const root = session.kernel({}).cgroups.find(given);
  const titles = ['CgroupPath', header(effective)];
  if (root === undefined) {
    if (!options.json) print(titles.join('\n'));
    return fail(`can't iterate over ${given}: ${errnoText(ENOENT)}`);
  }
  const below = (path: string): string => `/sys/fs/cgroup${path === '/' ? '' : path}`;
  const all = [...root.subtree()]
    .filter((cgroup) => !cgroup.dead)
    .map((cgroup) => ({ cgroup: below(cgroup.path), level: cgroup.level - root.level }))
    .map((one) => ({ ...one, programs: query(session, one.cgroup, effective) }))
    .filter(({ programs }) => programs.length > 0);
  if (options.json) {
    print(
      jsonText(
        all.map(({ cgroup, programs }) => ({ cgroup, programs: programs.map(json) })),
        options,
      ),
    );
    return;
  }
  const lines = all.flatMap(({ cgroup, level, programs }) => [
    cgroup,
    ...programs.map((one) => `${level > 0 ? '    ' : ''}${line(one)}`),
  ]);
  print([...titles, ...lines].join('\n'));
}

/** An attach type by its name, or by the one it had. */
function attachTypeOf(word: string): number {
  const known = ATTACH_TYPES.get(word);
  if (known !== undefined) return known;
  const short = Object.entries(SHORT_NAMES).find(([name]) => word !== '' && name.startsWith(word))?.[1] ?? '';
  return ATTACH_TYPES.get(short) ?? fail('invalid attach type');
}

/** An fd for a program, and how many words named it. */
function programFd(words: readonly string[], session: Session): { fd: number; used: number } {
  const kernel = session.kernel({});
  const [how = '', what, extra] = words;
  const is = (full: string): boolean => how !== '' && full.startsWith(how);
  if (what === undefined) fail('too few parameters for cgroup attach');
  const word = what ?? '';
  if (is('id')) {
    if (!/^(0x[0-9a-f]+|\d+)$/i.test(word)) fail(`can't parse ${word} as ID`);
    const fd = kernel.bpf(BPF_PROG_GET_FD_BY_ID, { prog_id: Number(word) });
    return fd < 0 ? fail(`get by id (${word}): ${errnoText(-fd)}`) : { fd, used: 2 };
  }
  if (is('pinned')) {
    const fd = kernel.bpf(BPF_OBJ_GET, { pathname: word });
    return fd < 0 ? fail(`bpf obj get (${word}): ${errnoText(-fd)}`) : { fd, used: 2 };
  }
  if (is('name') || is('tag')) {
    if (is('tag') && !/^[0-9a-f]{16}$/i.test(word)) fail("can't parse tag");
    const found = programsBy(kernel, is('tag') ? 'tag' : 'name', word);
    const [id] = found;
    if (id === undefined) return fail(`no program of ${is('tag') ? 'tag' : 'name'} ${word} is loaded`);
    if (found.length > 1) fail('several programs match this handle');
    return { fd: kernel.bpf(BPF_PROG_GET_FD_BY_ID, { prog_id: id }), used: 2 };
  }
  if (is('object')) {
    const obj = session.loaded(word, {});
    const named = extra !== undefined && obj.progs.get(extra) !== undefined;
    const prog = chooseProgram(obj, word, named ? extra : undefined);
    const id = prog.info().id ?? 0;
    return { fd: kernel.bpf(BPF_PROG_GET_FD_BY_ID, { prog_id: id }), used: named ? 3 : 2 };
  }
  return fail(`expected 'id', 'tag', 'name', 'pinned' or 'object', got: '${how}'?`);
}

function programsBy(kernel: SimulatedKernel, what: 'name' | 'tag', word: string): number[] {
  const found: number[] = [];
  for (let start_id = 0; ;) {
    const ask: { start_id: number; next_id?: number } = { start_id };
    if (kernel.bpf(BPF_PROG_GET_NEXT_ID, ask) < 0) return found;
    start_id = ask.next_id ?? 0;
    const fd = kernel.bpf(BPF_PROG_GET_FD_BY_ID, { prog_id: start_id });
    const info: ProgInfo = {};
    kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info });
    kernel.close(fd);
    const tag = Array.from(info.tag ?? [], (byte) => byte.toString(16).padStart(2, '0')).join('');
    if (what === 'name' ? info.name === word.slice(0, LONGEST_NAME) : tag === word.toLowerCase()) found.push(start_id);
  }
}

function change(
  verb: 'attach' | 'detach',
  words: readonly string[],
  at: { session: Session; options: BpftoolOptions },
): void {
  const { session, options } = at;
  const [path, type, ...rest] = words;
  if (path === undefined || type === undefined || rest.length < 2) return fail(`too few parameters for cgroup ${verb}`);
  const kernel = session.kernel({});
  const target_fd = kernel.cgroups.find(path) === undefined ? -ENOENT : kernel.open(inMount(path), 0);
  if (target_fd < 0) fail(`can't open cgroup ${path}`);
  let fd = -1;
  try {
    const attach_type = attachTypeOf(type);
    const prog = programFd(rest, session);
    fd = prog.fd;
    let attach_flags = 0;
    for (const word of verb === 'attach' ? rest.slice(prog.used) : []) {
      if (word !== '' && 'multi'.startsWith(word)) attach_flags |= BPF_F_ALLOW_MULTI;
      else if (word !== '' && 'override'.startsWith(word)) attach_flags |= BPF_F_ALLOW_OVERRIDE;
      else fail(`unknown option: ${word}`);
    }
    const attr = { target_fd, attach_bpf_fd: fd, attach_type };
    const err =
      verb === 'attach' ? kernel.bpf(BPF_PROG_ATTACH, { ...attr, attach_flags }) : kernel.bpf(BPF_PROG_DETACH, attr);
    if (err < 0) fail(`failed to ${verb} program`);
    if (options.json) print('null');
  } finally {
    if (fd >= 0) kernel.close(fd);
    kernel.close(target_fd);
  }
}

/** `cgroup attach CGROUP ATTACH_TYPE PROG [multi|override]` */
export const attachToCgroup = (words: readonly string[], session: Session, options: BpftoolOptions): void =>
  change('attach', words, { session, options });

/** `cgroup detach CGROUP ATTACH_TYPE PROG` */
export const detachFromCgroup = (words: readonly string[], session: Session, options: BpftoolOptions): void =>
  change('detach', words, { session, options });

/** `cgroup create CGROUP`: what mkdir does on a machine. */
export function createCgroup(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const [path, extra] = words;
  if (path === undefined || extra !== undefined) return fail('cgroup create CGROUP');
  try {
    session.kernel({}).cgroups.create(path);
  } catch (error) {
    if (error instanceof UsageError) fail(`can't create cgroup ${path}: ${errnoText(error.errno ?? 0)}`);
    throw error;
  }
  if (options.json) print('null');
}
