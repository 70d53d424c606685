// SPDX-License-Identifier: MIT
// Attaching fentry, fexit and extension programs. @see kernel/bpf/syscall.c, bpf_tracing_prog_attach
import type { BpfProg, KernelFile, KernelServices } from '@tsbpf/core';
import type { Trampolines } from '@tsbpf/trampoline';

/** What kind of file an attached program is; closing its last fd detaches. */
export const TRACING_PROG_FILE = 'bpf-tracing-prog';

/**
 * Attaches a program to the function it was loaded for; an fd or -errno. The fd holds the program. It tells
 * BPF_TASK_FD_QUERY nothing.
 * @errno EBUSY, E2BIG, ENOTSUPP as {@link Trampolines.link} says; EMFILE
 */
export function attachToFunction(kernel: KernelServices, trampolines: Trampolines, prog: BpfProg): number {
  const err = trampolines.link(prog);
  if (err < 0) return err;
  prog.get();
  const file: KernelFile = {
    kind: TRACING_PROG_FILE,
    name: TRACING_PROG_FILE,
    release() {
      trampolines.unlink(prog);
      prog.put();
    },
  };
  const fd = kernel.fds.install(file);
  if (fd < 0) file.release();
  return fd;
}
