// SPDX-License-Identifier: MIT
// The facade's own tests in a headless Chromium, on the JIT; and on the interpreter, where a policy forbids Wasm.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundle, ROOT } from './bundle.ts';
import { runPage, whyNoBrowser } from './page.ts';
import type { TestResult } from './shims/vitest.ts';

const why = whyNoBrowser();
if (why !== undefined) console.log(`the facade in a browser: skipped, ${why}`);

const FOLDER = 'packages/tsbpf/src';
const files = readdirSync(join(ROOT, FOLDER)).filter((name) => /\.test\.ts$/.test(name) && !/\.root\.test/.test(name));

describe.skipIf(why !== undefined)('in Chromium', () => {
  it('the facade passes its tests', async () => {
    const imports = files.map((name) => `import './${FOLDER}/${name}';`).join('\n');
    const script = await bundle(`${imports}\nexport { runTests as default } from 'vitest';`);
    const results = (await runPage({ script, timeoutMs: 240_000 })) as TestResult[];
    const failed = results.filter(({ state }) => state === 'failed');
    expect(failed.map(({ name, message = '' }) => `${name}: ${message.split('\n')[0]}`)).toEqual([]);
    expect(results.filter(({ state }) => state === 'passed').length).toBeGreaterThan(200);
  });

  it('a policy without wasm-unsafe-eval leaves the interpreter, which says why', async () => {
    const script = await bundle(`
      import { createKernel, BPF_PROG_LOAD, BPF_PROG_TEST_RUN, BPF_PROG_TYPE_XDP, assembleSource, encodeInsns } from './packages/tsbpf/src/index.ts';
      export default () => {
        const kernel = createKernel();
        const insns = encodeInsns(assembleSource('r0 = 2\\nexit').insns);
        const prog_fd = kernel.bpf(BPF_PROG_LOAD, { prog_type: BPF_PROG_TYPE_XDP, insns, license: 'GPL' });
        const attr = { prog_fd, data_in: new Uint8Array(64) };
        return { ...kernel.engine, result: kernel.bpf(BPF_PROG_TEST_RUN, attr), retval: attr.retval };
      };`);
    const page = { script, timeoutMs: 60_000 };
    const forbidden = await runPage({ ...page, policy: "default-src 'self'; script-src 'self'" });
    expect(forbidden).toMatchObject({ name: 'interpreter', result: 0, retval: 2 });
    expect((forbidden as { reason: string }).reason).toContain('content security policy');
    const allowed = await runPage({ ...page, policy: "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" });
    expect(allowed).toMatchObject({ name: 'jit', result: 0, retval: 2 });
  });
});
