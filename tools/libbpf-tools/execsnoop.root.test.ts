// SPDX-License-Identifier: MIT
// execsnoop prints each new process: its name, its pid and its parent's, the result of execve(2) and the arguments.
import { expect, it } from 'vitest';
import { describeTool, events, start, world, type Layout, type Tool } from './tool.ts';

const EVENT: Layout = {
  ...{ pid: 's32', ppid: 's32', uid: 'u32', retval: 's32', args_count: 's32', args_size: 'u32', comm: 'char[16]' },
  args: 'u8[7680]',
};

/** PCOMM PID PPID RET ARGS, where an argument that could not be read is not among the arguments. */
function lines(tool: Tool, run: () => void): string[] {
  const ring = events(tool, EVENT);
  run();
  return ring.rows().map(({ comm, pid, ppid, retval, args, args_size }) => {
    const words = new TextDecoder()
      .decode((args as Uint8Array).slice(0, Number(args_size)))
      .split('\0')
      .slice(0, -1);
    return [comm, pid, ppid, retval, words.join(' ')].join(' ');
  });
}

describeTool('execsnoop', (engine) => {
  it('prints a line for each program that a shell starts', () => {
    const kernel = world(engine);
    const { tasks, syscall } = bound(kernel.tracing);
    const bash = tasks.create({ pid: 100, comm: 'bash', uid: 1000 });
    const tool = start(kernel, 'execsnoop');
    const exec = (pid: number, argv: readonly string[], ret = 0): void => {
      const child = tasks.create({ pid, comm: 'bash', uid: 1000, parent: bash });
      tasks.as(child, () => {
        syscall('execve', [argv[0], [...argv], ['HOME=/home/me', 'TERM=vt100']], () => {
          if (ret === 0) tasks.exec(argv[0]);
          return ret;
        });
      });
    };

    const printed = lines(tool, () => {
      exec(101, ['/usr/bin/ls', '-l', '/tmp']);
      exec(102, ['/no/such/program'], -2);
      exec(103, ['/usr/bin/grep', 'two words']);
    });

    // What failed is only printed with -x.
    expect(printed).toEqual(['ls 101 100 0 /usr/bin/ls -l /tmp', 'grep 103 100 0 /usr/bin/grep two words']);
  });

  it('with -x, also those that failed', () => {
    const kernel = world(engine);
    const { tasks, syscall } = bound(kernel.tracing);
    const tool = start(kernel, 'execsnoop', (obj) => (obj.rodata['ignore_failed'] = false));
    const printed = lines(tool, () => {
      tasks.as(tasks.create({ pid: 7, comm: 'make', parent: tasks.create({ pid: 6, comm: 'sh' }) }), () => {
        syscall('execve', ['./configure', ['./configure', '--help'], []], -13);
      });
    });
    expect(printed).toEqual(['make 7 6 -13 ./configure --help']);
  });

  it('with -u, only those of one user', () => {
    const kernel = world(engine);
    const { tasks, syscall } = bound(kernel.tracing);
    const tool = start(kernel, 'execsnoop', (obj) => (obj.rodata['targ_uid'] = 1000));
    const printed = lines(tool, () => {
      for (const uid of [0, 1000]) {
        const task = tasks.create({ pid: 20 + uid, comm: 'sh', uid });
        tasks.as(task, () => syscall('execve', ['/bin/true', ['/bin/true'], []], () => (tasks.exec('/bin/true'), 0)));
      }
    });
    expect(printed).toEqual(['true 1020 1020 0 /bin/true']);
  });
});

const bound = (tracing: Tool['kernel']['tracing']) => ({
  tasks: tracing.tasks,
  syscall: tracing.syscall.bind(tracing),
});
