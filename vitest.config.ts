// SPDX-License-Identifier: MIT
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@tsbpf/source'] },
  ssr: { resolve: { conditions: ['@tsbpf/source'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'examples/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/*.root.test.ts'],
    testTimeout: 60_000,
  },
});
