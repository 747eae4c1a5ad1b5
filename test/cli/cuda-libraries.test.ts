// Libraries that CUDA needs: all that are missing are named at once, and those that lie where the loader does not look.

import { expect, test } from 'vitest';
import { missingCudaLibraries, sayMissing } from '../../src/cli/cuda-libraries.ts';
import type { LibrarySearch } from '../../src/cli/cuda-libraries.ts';

const all = ['libcuda.so.1', 'libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcurand.so.10', 'libcufft.so.11', 'libnvrtc.so.12', 'libcudnn.so.9'];

function search(cached: readonly string[], files: readonly string[] = [], folders: readonly string[] = []): LibrarySearch {
  const cache = `2 libs found in cache\n${cached.map((name) => `\t${name} (libc6,x86-64) => /usr/lib/${name}\n`).join('')}`;
  return { cache, folders, exists: (path) => files.includes(path), glob: (pattern) => (pattern === '/usr/local/cuda*/lib64' ? ['/usr/local/cuda-12.8/lib64'] : []) };
}

test('all that are missing are named with what brings them', () => {
  const missing = missingCudaLibraries(search([]));
  expect(missing.map(({ name }) => name)).toEqual(all);
  expect(sayMissing(missing)).toBe('libraries that the loader does not find: libcuda.so.1 of the driver of the GPU; libcudart.so.12, libcublas.so.12, libcublasLt.so.12, libcurand.so.10, libcufft.so.11, libnvrtc.so.12 of CUDA 12; libcudnn.so.9 of cuDNN 9');
});

test('what the cache, LD_LIBRARY_PATH or a standard folder has is not missing', () => {
  const rest = all.slice(3);
  expect(missingCudaLibraries(search(rest, ['/opt/own/libcuda.so.1', '/usr/lib64/libcudart.so.12', '/opt/own/libcublas.so.12'], ['/opt/own']))).toEqual([]);
  expect(sayMissing([])).toBeNull();
  // Another version is another library.
  expect(missingCudaLibraries(search([...all.slice(0, 7), 'libcudnn.so.8'])).map(({ name }) => name)).toEqual(['libcudnn.so.9']);
});

test('one that lies where the loader does not look is said to', () => {
  const missing = missingCudaLibraries(search(all.slice(1), ['/usr/local/cuda-12.8/lib64/libcuda.so.1']));
  expect(missing).toEqual([{ name: 'libcuda.so.1', of: 'the driver of the GPU', lies: '/usr/local/cuda-12.8/lib64' }]);
  expect(sayMissing(missing)).toContain('libcuda.so.1 (lies in /usr/local/cuda-12.8/lib64; add it to LD_LIBRARY_PATH)');
});
