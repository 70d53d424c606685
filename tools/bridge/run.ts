// SPDX-License-Identifier: MIT
// Runs a native program whose bpf(2) goes to the simulated kernel.
//   tsx --conditions=@tsbpf/source tools/bridge/run.ts [--trace] [--engine interpreter] -- PROGRAM ARGS...
import { parseArgs } from 'node:util';
import { errnoName } from '../../packages/uapi/src/index.ts';
import { runNative } from './native.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    trace: { type: 'boolean', default: false },
    engine: { type: 'string', default: 'jit' },
    timeout: { type: 'string', default: '120' },
  },
});
const [program, ...args] = positionals;
if (program === undefined || (flags.engine !== 'jit' && flags.engine !== 'interpreter')) {
  console.error('usage: run.ts [--trace] [--engine jit|interpreter] [--timeout SECONDS] -- PROGRAM ARGS...');
  process.exitCode = 2;
} else {
  const { status, output } = await runNative(program, args, {
    engine: flags.engine,
    timeoutSeconds: Number(flags.timeout),
    onCommand: flags.trace
      ? (cmd, result) => console.error(`bpf ${cmd}: ${result < 0 ? errnoName(-result) : result}`)
      : undefined,
  });
  console.log(output);
  process.exitCode = status;
}
