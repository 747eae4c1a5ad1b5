import { defineConfig } from 'vitest/config';

// The playground in a real browser against a real server on nano. Needs Chromium; CHROMIUM names it where it is not /usr/bin/chromium.
export default defineConfig({
  test: { include: ['test/browser/*.check.ts'], testTimeout: 400_000, hookTimeout: 400_000, fileParallelism: false, maxWorkers: 1, reporters: ['verbose'] },
});
