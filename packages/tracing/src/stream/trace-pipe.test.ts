// SPDX-License-Identifier: MIT
import { createTestSys } from '@tsbpf/testkit';
import { expect, test } from 'vitest';
import { tracingRegistries } from '../registries.ts';
import { tracingOf } from '../tracing.ts';

function setUp() {
  const sys = createTestSys({ rows: tracingRegistries() });
  const { tracePipe } = tracingOf(sys.state);
  const file = (): string => {
    const bytes = sys.readFile('/sys/kernel/debug/tracing/trace_pipe');
    return typeof bytes === 'number' ? String(bytes) : new TextDecoder().decode(bytes);
  };
  return { env: sys.state.env, tracePipe, file };
}

test('each line is read once, from the file or from here', () => {
  const { env, tracePipe, file } = setUp();
  env.tracePrintk('one');
  env.tracePrintk('two');
  expect(file()).toBe('one\ntwo\n');
  expect(file()).toBe('');
  env.tracePrintk('three');
  expect(tracePipe.take()).toEqual(['three']);
  expect(tracePipe.take()).toEqual([]);
});

test('`for await` waits for lines until the pipe is closed', async () => {
  const { env, tracePipe } = setUp();
  const lines: string[] = [];
  const reader = (async () => {
    for await (const line of tracePipe) lines.push(line);
  })();
  await Promise.resolve();
  env.tracePrintk('late');
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(lines).toEqual(['late']);
  env.tracePrintk('last');
  tracePipe.close();
  await reader;
  expect(lines).toEqual(['late', 'last']);
});
