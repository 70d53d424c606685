// SPDX-License-Identifier: MIT
// The suite that needs root, a Linux with bpf(2), clang or a Debian package. Each test skips with a reason
// where its need is not met.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@tsbpf/source'] },
  ssr: { resolve: { conditions: ['@tsbpf/source'] } },
  test: {
    include: ['packages/*/src/**/*.root.test.ts', 'examples/**/*.root.test.ts', 'tools/**/*.root.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 300_000,
    fileParallelism: false,
  },
});
