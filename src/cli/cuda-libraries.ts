// The libraries that ONNX Runtime's CUDA provider needs on Linux, and which of them the loader does not find.
// Knows names and places; loads nothing. ONNX Runtime itself names only the first that is missing.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';

/** By what they belong to, as ONNX Runtime 1.30 is linked. */
const needed: readonly { readonly of: string; readonly names: readonly string[] }[] = [
  { of: 'the driver of the GPU', names: ['libcuda.so.1'] },
  { of: 'CUDA 12', names: ['libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcurand.so.10', 'libcufft.so.11', 'libnvrtc.so.12'] },
  { of: 'cuDNN 9', names: ['libcudnn.so.9'] },
];

/** Where CUDA and its wheels put libraries that the loader is not told of. */
const usual = ['/usr/local/cuda*/lib64', '/usr/local/cuda*/targets/x86_64-linux/lib', '/usr/local/nvidia/lib64', '/opt/cuda/lib64', '/usr/lib/wsl/lib'];
const standard = ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64', '/lib', '/usr/lib'];

/** How libraries are looked for. */
export interface LibrarySearch {
  /** What the loader's cache lists (`ldconfig -p`). */
  readonly cache: string;
  /** Folders of LD_LIBRARY_PATH. */
  readonly folders: readonly string[];
  exists(path: string): boolean;
  /** Folders that match a pattern. */
  glob(pattern: string): readonly string[];
}

export interface MissingLibrary {
  readonly name: string;
  /** What brings it. */
  readonly of: string;
  /** Folder where it lies without the loader looking there; null where it was found nowhere. */
  readonly lies: string | null;
}

/** Every library that is needed and that the loader does not find. */
export function missingCudaLibraries(search: LibrarySearch): MissingLibrary[] {
  const cached = new Set(search.cache.split('\n').flatMap((line) => /^\s*(\S+\.so\S*)\s/.exec(line)?.[1] ?? []));
  const inFolder = (name: string, folders: readonly string[]): string | null => folders.find((folder) => search.exists(join(folder, name))) ?? null;
  return needed.flatMap(({ of, names }) =>
    names.flatMap((name) => {
      if (cached.has(name) || inFolder(name, [...search.folders, ...standard]) !== null) return [];
      return [{ name, of, lies: inFolder(name, usual.flatMap((pattern) => search.glob(pattern))) }];
    }),
  );
}

/** One line for the reader; null where nothing is missing. */
export function sayMissing(missing: readonly MissingLibrary[]): string | null {
  if (missing.length === 0) return null;
  const named = ({ name, lies }: MissingLibrary): string => (lies === null ? name : `${name} (lies in ${lies}; add it to LD_LIBRARY_PATH)`);
  const parts = [...new Set(missing.map(({ of }) => of))].map((of) => `${missing.filter((each) => each.of === of).map(named).join(', ')} of ${of}`);
  return `libraries that the loader does not find: ${parts.join('; ')}`;
}

/** This system's. `libraryPath` is LD_LIBRARY_PATH. */
export function systemSearch(libraryPath: string | undefined): LibrarySearch {
  return { cache: loaderCache(), folders: (libraryPath ?? '').split(':').filter((folder) => folder !== ''), exists: existsSync, glob: (pattern) => globSync(pattern) };
}

function loaderCache(): string {
  for (const program of ['/sbin/ldconfig', 'ldconfig']) {
    try {
      return execFileSync(program, ['-p'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000, maxBuffer: 2 ** 24 });
    } catch {
      continue;
    }
  }
  return '';
}
