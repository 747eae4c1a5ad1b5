import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// What kills real processes for minutes; .ci/run runs it, `npm test` does not.
export default defineConfig({ test: { root: fileURLToPath(new URL('../..', import.meta.url)), include: ['test/server/**/*.check.ts'], hookTimeout: 120_000, fileParallelism: false } });
