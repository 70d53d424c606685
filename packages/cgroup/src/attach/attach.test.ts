// SPDX-License-Identifier: MIT
import * as fc from 'fast-check';
import {
  BPF_CGROUP_DEVICE as DEVICE,
  BPF_CGROUP_SYSCTL,
  BPF_F_ALLOW_MULTI as MULTI,
  BPF_F_ALLOW_OVERRIDE as OVERRIDE,
  BPF_F_QUERY_EFFECTIVE,
  BPF_F_REPLACE as REPLACE,
  BPF_PROG_TYPE_CGROUP_DEVICE,
  BPF_PROG_TYPE_CGROUP_SYSCTL,
  errnoName,
  type ProgQueryAttr,
} from '@tsbpf/uapi';
import type { BpfProg } from '@tsbpf/core';
import { createTestKernel } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { cgroupsOf } from '../cgroups.ts';
import { cgroupVerbs } from '../verbs.ts';
import { cgroupAttachRow as row } from './row.ts';

/** A kernel, and what a user would do to its cgroups. */
function world() {
  const kernel = createTestKernel({ rows: { verbs: [cgroupVerbs] } });
  const cgroups = cgroupsOf(kernel);
  kernel.cgroups = cgroups;
  let nextId = 1;
  const makeProg = (name: string, type = BPF_PROG_TYPE_CGROUP_DEVICE) => {
    const prog = {
      kind: 'prog',
      off: 0,
      id: nextId++,
      name,
      type,
      refs: 1,
      verified: { cgroupStorage: [undefined, undefined] },
      loaded: { run: () => 1 },
      get: () => void prog.refs++,
      put: () => void prog.refs--,
    };
    const fd = kernel.fds.install({ kind: 'prog', name, prog, release: () => prog.put() } as never);
    return { prog: prog as unknown as BpfProg, fd };
  };
  type Prog = ReturnType<typeof makeProg>;
  const open = (path: string): number => cgroupVerbs.open?.(kernel, `/sys/fs/cgroup${path}`, 0) ?? -1;
  const name = (ret: number): string => (ret < 0 ? errnoName(-ret) : String(ret));
  return {
    kernel,
    cgroups,
    makeProg,
    open,
    attach(path: string, prog: Prog, flags = 0, replace?: number): string {
      const fd = open(path);
      const attr = { target_fd: fd, attach_type: DEVICE, attach_flags: flags, replace_bpf_fd: replace ?? 0 };
      const ret = row.attach(kernel, prog.prog, attr);
      kernel.fds.close(fd);
      return name(ret);
    },
    detach(path: string, prog?: Prog): string {
      const fd = open(path);
      const ret = row.detach(kernel, prog?.prog, { target_fd: fd, attach_type: DEVICE });
      kernel.fds.close(fd);
      return name(ret);
    },
    query(path: string, effective = false, room = 64): { ret: string; ids: number[]; attr: ProgQueryAttr } {
      const fd = open(path);
      const attr: ProgQueryAttr = {
        target_fd: fd,
        attach_type: DEVICE,
        query_flags: effective ? BPF_F_QUERY_EFFECTIVE : 0,
        prog_ids: new Uint8Array(4 * room),
        prog_cnt: room,
      };
      const ret = row.query?.(kernel, attr) ?? -1;
      kernel.fds.close(fd);
      const words = new Uint32Array((attr.prog_ids as Uint8Array).slice().buffer);
      return { ret: name(ret), ids: [...words.subarray(0, Math.min(room, attr.prog_cnt ?? 0))], attr };
    },
  };
}

describe('attaching', () => {
  test('flags that exclude each other come before everything but a bad target and a bad replacement', () => {
    const { attach, makeProg, cgroups } = world();
    cgroups.create('/a');
    const p = makeProg('p');
    expect(attach('/a', p, OVERRIDE | MULTI)).toBe('EINVAL');
    expect(attach('/a', p, REPLACE)).toBe('EINVAL');
    expect(attach('/a', p, OVERRIDE | REPLACE)).toBe('EINVAL');
    expect(attach('/a', p, MULTI | REPLACE, 999)).toBe('EBADF');
    expect(attach('/a', p, MULTI | OVERRIDE | REPLACE, 999)).toBe('EBADF');
    const other = makeProg('other', BPF_PROG_TYPE_CGROUP_SYSCTL);
    expect(attach('/a', p, MULTI | REPLACE, other.fd)).toBe('EINVAL');
    expect(attach('/a', p, MULTI | REPLACE, makeProg('absent').fd)).toBe('ENOENT');
    expect(attach('/a', p, MULTI, 999), 'a replacement nobody asked for is not looked at').toBe('0');
  });

  test('targets: a closed fd, a map, a file of a cgroup, a removed cgroup', () => {
    const { kernel, cgroups, makeProg, open } = world();
    cgroups.create('/a');
    const { prog, fd } = makeProg('p');
    const at = (target_fd: number): number => row.attach(kernel, prog, { target_fd, attach_type: DEVICE });
    expect(errnoName(-at(77))).toBe('EBADF');
    expect(errnoName(-at(fd))).toBe('EBADF');
    expect(errnoName(-at(open('/a/cgroup.procs')))).toBe('EBADF');
    const dir = open('/a');
    cgroups.remove('/a');
    expect(errnoName(-at(dir))).toBe('ENOENT');
    expect(errnoName(-open('/a'))).toBe('ENOENT');
  });

  test('the nearest ancestor with programs decides', () => {
    const { attach, detach, makeProg, cgroups } = world();
    for (const path of ['/a', '/a/b', '/a/b/c']) cgroups.create(path);
    const [p, q, r] = [makeProg('p'), makeProg('q'), makeProg('r')];
    expect(attach('/a', p)).toBe('0');
    expect(attach('/a/b/c', q, MULTI)).toBe('EPERM');
    expect(detach('/a')).toBe('0');
    expect(attach('/a', p, OVERRIDE)).toBe('0');
    expect(attach('/a/b', q)).toBe('0');
    expect(attach('/a/b/c', r), '/a would allow it, /a/b does not').toBe('EPERM');
    expect(detach('/a/b')).toBe('0');
    expect(attach('/a/b/c', r)).toBe('0');
    expect(attach('/a/b', q), 'what lies below is not looked at').toBe('0');
  });

  test('other flags than those of the programs that are there', () => {
    const { attach, detach, makeProg, cgroups } = world();
    cgroups.create('/a');
    const [p, q] = [makeProg('p'), makeProg('q')];
    expect(attach('/a', p, OVERRIDE)).toBe('0');
    expect(attach('/a', q, MULTI)).toBe('EPERM');
    expect(attach('/a', q)).toBe('EPERM');
    expect(detach('/a', q), 'whatever program is named').toBe('0');
    expect(attach('/a', q, MULTI), 'an empty list has no flags').toBe('0');
  });

  test('one program at a time: replaced in place, even by itself', () => {
    const { attach, query, makeProg, cgroups } = world();
    cgroups.create('/a');
    const [p, q] = [makeProg('p'), makeProg('q')];
    attach('/a', p);
    expect(attach('/a', p)).toBe('0');
    expect(p.prog.refs).toBe(2);
    expect(attach('/a', q)).toBe('0');
    expect([p.prog.refs, q.prog.refs]).toEqual([1, 2]);
    expect(query('/a').ids).toEqual([q.prog.id]);
  });

  test('several programs: appended, no program twice, replacement keeps the place', () => {
    const { attach, query, makeProg, cgroups } = world();
    cgroups.create('/a');
    const [p, q, r, s] = [makeProg('p'), makeProg('q'), makeProg('r'), makeProg('s')];
    for (const prog of [p, q, r]) attach('/a', prog, MULTI);
    expect(attach('/a', q, MULTI)).toBe('EINVAL');
    expect(attach('/a', q, MULTI | REPLACE, q.fd)).toBe('EINVAL');
    expect(attach('/a', s, MULTI | REPLACE, q.fd)).toBe('0');
    expect(query('/a').ids).toEqual([p.prog.id, s.prog.id, r.prog.id]);
    expect(query('/a').attr.attach_flags).toBe(MULTI);
    expect(q.prog.refs).toBe(1);
  });

  test('64 programs are the most, even to replace one of them', () => {
    const { attach, query, makeProg, cgroups } = world();
    cgroups.create('/a');
    const progs = Array.from({ length: 65 }, (_, i) => makeProg(`p${i}`));
    for (const prog of progs.slice(0, 64)) expect(attach('/a', prog, MULTI)).toBe('0');
    const last = progs[64] as (typeof progs)[number];
    expect(attach('/a', last, MULTI)).toBe('E2BIG');
    expect(attach('/a', last, MULTI | REPLACE, progs[0]?.fd)).toBe('E2BIG');
    expect(attach('/a', progs[3] as typeof last, MULTI), 'before looking for the program').toBe('E2BIG');
    expect(query('/a', false, 0)).toMatchObject({ ret: '0', attr: { prog_cnt: 64 } });
    const some = query('/a', false, 3);
    expect(some).toMatchObject({ ret: 'ENOSPC', ids: progs.slice(0, 3).map(({ prog }) => prog.id) });
    expect(some.attr.prog_cnt).toBe(64);
  });
});

describe('detaching', () => {
  test('from a list of several the program must be named', () => {
    const { attach, detach, makeProg, cgroups } = world();
    cgroups.create('/a');
    const [p, q] = [makeProg('p'), makeProg('q')];
    expect(detach('/a')).toBe('ENOENT');
    attach('/a', p, MULTI);
    expect(detach('/a')).toBe('EINVAL');
    expect(detach('/a', q)).toBe('ENOENT');
    expect(detach('/a', p)).toBe('0');
    expect(detach('/a'), 'an empty list takes one program again').toBe('ENOENT');
    expect(p.prog.refs).toBe(1);
  });

  test('attach types are apart', () => {
    const { kernel, attach, makeProg, cgroups, open } = world();
    cgroups.create('/a');
    attach('/a', makeProg('p'));
    const sysctl = { target_fd: open('/a'), attach_type: BPF_CGROUP_SYSCTL };
    expect(errnoName(-row.detach(kernel, undefined, sysctl))).toBe('ENOENT');
  });
});

describe('what is in effect', () => {
  test('the order of a tree with every mode', () => {
    const { attach, detach, query, makeProg, cgroups } = world();
    for (const path of ['/1', '/1/2', '/1/2/3', '/1/2/3/4', '/1/2/3/4/5']) cgroups.create(path);
    const [a, b, c, d, e, f] = ['A', 'B', 'C', 'D', 'E', 'F'].map((name) => makeProg(name));
    const names = new Map([a, b, c, d, e, f].map((one) => [one?.prog.id, one?.prog.name]));
    const order = (): string =>
      query('/1/2/3/4/5', true)
        .ids.map((id) => names.get(id))
        .join('');
    attach('/1', a as never, MULTI);
    attach('/1', b as never, MULTI);
    attach('/1/2', c as never, OVERRIDE);
    attach('/1/2/3', d as never, MULTI);
    attach('/1/2/3/4', e as never, OVERRIDE);
    attach('/1/2/3/4/5', f as never);
    expect(order()).toBe('FDAB');
    detach('/1/2/3/4/5');
    expect(order()).toBe('EDAB');
    detach('/1/2/3', d);
    expect(order()).toBe('EAB');
    detach('/1/2/3/4');
    expect(order()).toBe('CAB');
    cgroups.create('/1/2/3/4/5/6');
    expect(query('/1/2/3/4/5/6', true).ids, 'a new cgroup inherits').toEqual(query('/1/2/3/4/5', true).ids);
    expect(query('/1/2/3/4/5/6', true).attr.attach_flags, 'flags are its own').toBe(0);
  });

  test('programs go with their cgroup, or with the last socket made in it', () => {
    const { attach, makeProg, cgroups } = world();
    const parent = cgroups.create('/a');
    const child = cgroups.create('/a/b');
    const [p, q] = [makeProg('p'), makeProg('q')];
    attach('/a', q, MULTI);
    attach('/a/b', p, MULTI);
    cgroups.holdProgs(child);
    cgroups.hold(child);
    cgroups.remove('/a/b');
    cgroups.remove('/a');
    expect([p.prog.refs, q.prog.refs]).toEqual([2, 2]);
    expect(cgroups.enabled(child.id, DEVICE)).toBe(true);
    cgroups.putProgs(child);
    expect([p.prog.refs, q.prog.refs]).toEqual([1, 1]);
    expect(cgroups.byId(child.id)).toBe(child);
    cgroups.put(child);
    expect([cgroups.byId(child.id), cgroups.byId(parent.id)]).toEqual([undefined, undefined]);
    expect([...cgroups.all()]).toEqual([cgroups.root]);
  });

  test('random trees agree with a model that knows only the rule', () => {
    // The model: a level counts where it allows several, or where no level nearer to the leaf has any program.
    interface Level {
      flags: number;
      ids: number[];
    }
    const PATHS = ['/', '/a', '/a/b', '/a/b/c', '/a/d', '/e', '/e/f', '/e/f/g'];
    const up = (path: string): string[] => {
      const chain = [path];
      while (chain[0] !== '/') chain.unshift((chain[0] as string).replace(/\/[^/]*$/, '') || '/');
      return chain.reverse();
    };
    const step = fc.record({
      path: fc.constantFrom(...PATHS),
      op: fc.constantFrom('attach', 'attach', 'attach', 'replace', 'detach', 'remove', 'create', 'move', 'move'),
      flags: fc.constantFrom(0, OVERRIDE, MULTI, MULTI),
      prog: fc.nat(5),
      other: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { attach, detach, query, makeProg, cgroups } = world();
        const progs = Array.from({ length: 6 }, (_, i) => makeProg(`p${i}`));
        const model = new Map<string, Level>([['/', { flags: 0, ids: [] }]]);
        const task = cgroups.spawn();
        let home = '/';
        const order = (path: string): number[] => {
          const levels = up(path).map((at) => model.get(at) as Level);
          return levels
            .filter(({ flags: own }, i) => own === MULTI || levels.slice(0, i).every(({ ids }) => ids.length === 0))
            .flatMap(({ ids }) => ids);
        };
        for (const { path, op, flags, prog: index, other } of steps) {
          const prog = progs[index] as (typeof progs)[number];
          const level = model.get(path);
          const parent = up(path)[1];
          if (op === 'create') {
            if (level !== undefined || parent === undefined || !model.has(parent)) continue;
            cgroups.create(path);
            model.set(path, { flags: 0, ids: [] });
          } else if (level === undefined) {
            continue;
          } else if (op === 'remove') {
            if (path === '/' || [...model.keys()].some((one) => up(one)[1] === path)) continue;
            if (home === path) {
              expect(() => cgroups.remove(path), 'a task is in it').toThrow(/in use/);
              continue;
            }
            cgroups.remove(path);
            model.delete(path);
          } else if (op === 'move') {
            task.moveTo(path);
            home = path;
          } else if (op === 'detach') {
            const done = detach(path, prog) === '0';
            const gone = level.flags === MULTI ? prog.prog.id : level.ids[0];
            expect(done).toBe(gone !== undefined && level.ids.includes(gone));
            level.ids = level.ids.filter((id) => id !== gone);
            if (level.ids.length === 0) level.flags = 0;
          } else {
            const replace = op === 'replace' ? progs[other] : undefined;
            const mode = replace === undefined ? flags : MULTI;
            const ret = attach(path, prog, mode | (replace === undefined ? 0 : REPLACE), replace?.fd);
            const above = up(path)
              .slice(1)
              .map((one) => model.get(one) as Level);
            const ruler = above.find((one) => one.flags === MULTI || one.ids.length > 0);
            const at = replace === undefined ? -1 : level.ids.indexOf(replace.prog.id);
            const expected =
              (ruler !== undefined && ruler.flags === 0) || (level.ids.length > 0 && level.flags !== mode)
                ? 'EPERM'
                : mode === MULTI && level.ids.includes(prog.prog.id)
                  ? 'EINVAL'
                  : replace !== undefined && at < 0
                    ? 'ENOENT'
                    : '0';
            expect(ret).toBe(expected);
            if (ret !== '0') continue;
            level.flags = mode;
            if (at >= 0) level.ids[at] = prog.prog.id;
            else level.ids = mode === MULTI ? [...level.ids, prog.prog.id] : [prog.prog.id];
          }
          for (const one of model.keys()) expect(query(one, true).ids).toEqual(order(one));
          // What the task does is decided by the programs of where it is now.
          const { decisions } = cgroups.trace(() => task.openDevice('/dev/null', 'r'));
          expect(decisions.map(({ progId }) => progId)).toEqual(order(home));
        }
        const attached = [...model.values()].flatMap(({ ids }) => ids);
        for (const { prog } of progs) expect(prog.refs).toBe(1 + attached.filter((id) => id === prog.id).length);
      }),
      { numRuns: 150 },
    );
  });
});
