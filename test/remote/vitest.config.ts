import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Real servers: llama.cpp's, and a second anymodal; .ci/run runs it, `npm test` does not.
export default defineConfig({ test: { root: fileURLToPath(new URL('../..', import.meta.url)), include: ['test/remote/**/*.check.ts'], testTimeout: 900_000, hookTimeout: 900_000, fileParallelism: false } });
