// The tests that need the npm registry and minutes; .ci/run runs them, `npm test` does not.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/package/**/*.check.ts'],
    testTimeout: 120_000,
    hookTimeout: 600_000,
  },
});
