import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// What needs an accelerator or a software adapter, and minutes; .ci/run runs it where it can have one, `npm test` does not.
export default defineConfig({
  test: { root: fileURLToPath(new URL('../..', import.meta.url)), include: ['test/gpu/**/*.check.ts'], testTimeout: 600_000, hookTimeout: 600_000, fileParallelism: false, env: { ORT_DISABLE_TELEMETRY: '1' } },
});
