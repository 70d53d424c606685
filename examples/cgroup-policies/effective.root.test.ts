// SPDX-License-Identifier: MIT
// Random trees with random attaching and detaching, here and in the running kernel: every result, and the order in which
// programs would run. Works below a cgroup of its own, and removes it whatever happens.
import { createHost } from '@tsbpf/host';
import { createPrng } from '@tsbpf/capture';
import {
  BPF_CGROUP_DEVICE,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_LOAD,
  BPF_PROG_QUERY,
  BPF_PROG_TYPE_CGROUP_DEVICE,
  createKernel,
  type ProgQueryAttr,
  type Sys,
} from 'tsbpf';
import { expect, test } from 'vitest';
import { cgroupMount, makeOwnCgroup } from './differential/own-cgroup.ts';

const missing =
  process.getuid?.() !== 0 ? 'not root' : cgroupMount() === undefined ? 'no cgroup v2 hierarchy is mounted' : undefined;
if (missing !== undefined) console.warn(`effective programs are not compared with the kernel: ${missing}`);

const PATHS = ['', '/a', '/a/b', '/a/b/c', '/a/d', '/e', '/e/f'];
/** r0 = 1; exit */
const ALLOW = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
const FLAGS = [0, 0, 1, 2, 2, 2, 3, 4, 6, 6];
const STEPS = 600;

/** One side: its cgroups by path, and programs by number. */
function side(sys: Sys, dirs: readonly string[]) {
  const fds = dirs.map((dir) => sys.open(dir, 0o200000));
  const progs = Array.from({ length: 6 }, () =>
    sys.bpf(BPF_PROG_LOAD, { prog_type: BPF_PROG_TYPE_CGROUP_DEVICE, insns: ALLOW, license: 'GPL' }),
  );
  const ids: number[] = [];
  const attr = (dir: number) => ({ target_fd: fds[dir], attach_type: BPF_CGROUP_DEVICE });
  const query = (dir: number, effective: number) => {
    const ask: ProgQueryAttr = { ...attr(dir), query_flags: effective, prog_ids: new Uint8Array(256), prog_cnt: 64 };
    const ret = sys.bpf(BPF_PROG_QUERY, ask);
    const words = [...new Uint32Array((ask.prog_ids as Uint8Array).slice().buffer)].slice(0, ask.prog_cnt);
    // Of an effective query later kernels answer no flags; v5.6 those of the cgroup itself.
    const flags = effective === 0 ? ask.attach_flags : undefined;
    return { ret, flags, order: words.map((id) => ids.indexOf(id)) };
  };
  // Ids differ between the sides; what is compared is which program it is.
  for (const prog of progs) {
    sys.bpf(BPF_PROG_ATTACH, { ...attr(0), attach_bpf_fd: prog });
    const ask: ProgQueryAttr = { ...attr(0), prog_ids: new Uint8Array(4), prog_cnt: 1 };
    sys.bpf(BPF_PROG_QUERY, ask);
    ids.push(new DataView((ask.prog_ids as Uint8Array).buffer).getUint32(0, true));
    sys.bpf(BPF_PROG_DETACH, { ...attr(0), attach_bpf_fd: prog });
  }
  return {
    attach: (dir: number, prog: number, flags: number, replace: number) =>
      sys.bpf(BPF_PROG_ATTACH, {
        ...attr(dir),
        attach_bpf_fd: progs[prog],
        attach_flags: flags,
        replace_bpf_fd: progs[replace],
      }),
    detach: (dir: number, prog: number) => sys.bpf(BPF_PROG_DETACH, { ...attr(dir), attach_bpf_fd: progs[prog] ?? 0 }),
    query,
    close: () => [...fds, ...progs].forEach((fd) => sys.close(fd)),
  };
}

test.skipIf(missing !== undefined)('attaching, detaching and querying answer as Linux does', () => {
  const own = makeOwnCgroup('tsbpf-effective', PATHS.slice(1));
  const made = PATHS.map((path) => own.dir + path);
  const kernel = createKernel();
  let real: ReturnType<typeof side> | undefined;
  try {
    for (const path of PATHS) kernel.cgroups.create(`/base${path}`);
    real = side(createHost(), made);
    const ours = side(
      kernel,
      PATHS.map((path) => `/sys/fs/cgroup/base${path}`),
    );
    const prng = createPrng(20200402);
    const below = (limit: number): number => prng() % limit;
    for (let step = 0; step < STEPS; step++) {
      const dir = below(PATHS.length);
      const prog = below(6);
      const [detach, flags] = [below(10) < 4, FLAGS[below(FLAGS.length)] ?? 0];
      // Another program: v5.6 refuses to replace one by itself, later kernels do not.
      const replace = (prog + 1 + below(5)) % 6;
      // Detaching with no program at all is among the cases.
      const named = below(8) === 0 ? -1 : prog;
      const run = (on: ReturnType<typeof side>) =>
        detach ? on.detach(dir, named) : on.attach(dir, prog, flags, replace);
      const what = `step ${step}: ${detach ? 'detach' : `attach flags ${flags}`} ${prog} at ${PATHS[dir] || '/'}`;
      expect(run(ours), what).toBe(run(real));
      for (let at = 0; at < PATHS.length; at++) {
        for (const effective of [0, 1]) expect(ours.query(at, effective), what).toEqual(real.query(at, effective));
      }
    }
  } finally {
    real?.close();
    own.remove();
  }
});
