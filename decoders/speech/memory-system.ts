// The little of a system that a command-line program compiled to WASI asks for: arguments in, files out, all in memory. No disk, no clock, no environment.
// Knows no program. Source: WASI snapshot preview 1 (https://github.com/WebAssembly/WASI, legacy/preview1/docs.md).

/** What a program left behind. */
export interface Outcome {
  /** 0 where it went well. */
  readonly exitCode: number;
  /** Files that it wrote, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

interface OpenFile {
  readonly name: string;
  data: Uint8Array<ArrayBuffer>;
  position: number;
}

/** `errno` of the interface. */
const [ok, badDescriptor, notFound] = [0, 8, 44];
/** The one folder that the program is given. */
const folder = 3;
const kindOfFile = { stream: 2, folder: 3, regular: 4 } as const;
/** More than this is no speech of one sentence. */
const maxFileBytes = 64 * 1024 * 1024;

class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/**
 * Runs a program from start to end in memory of its own; equal arguments give equal files, for time stands still.
 * @param args as the program sees them, its name first.
 * @throws what the program throws: a trap.
 */
export function runProgram(module: WebAssembly.Module, args: readonly string[]): Outcome {
  const files = new Map<string, OpenFile>();
  const open = new Map<number, OpenFile>();
  const words = args.map((arg) => new TextEncoder().encode(`${arg}\0`));
  // The memory may grow, and old views of it are void then.
  const view = (): DataView => new DataView(memoryOf(instance).buffer);
  const bytes = (from: number, length: number): Uint8Array => new Uint8Array(memoryOf(instance).buffer, from, length);

  const write = (file: OpenFile, part: Uint8Array): void => {
    const end = file.position + part.length;
    if (end > maxFileBytes) throw new RangeError(`a file beyond ${maxFileBytes} bytes`);
    if (end > file.data.length) {
      const longer = new Uint8Array(end);
      longer.set(file.data);
      file.data = longer;
    }
    file.data.set(part, file.position);
    file.position = end;
  };

  const system = {
    args_sizes_get: (count: number, size: number) => {
      view().setUint32(count, words.length, true);
      view().setUint32(size, words.reduce((sum, { length }) => sum + length, 0), true);
      return ok;
    },
    args_get: (pointers: number, text: number) => {
      let at = text;
      for (const [i, word] of words.entries()) {
        view().setUint32(pointers + i * 4, at, true);
        bytes(at, word.length).set(word);
        at += word.length;
      }
      return ok;
    },
    clock_time_get: (_clock: number, _precision: bigint, time: number) => {
      view().setBigUint64(time, 0n, true);
      return ok;
    },
    fd_close: (descriptor: number) => (open.delete(descriptor) ? ok : badDescriptor),
    fd_fdstat_get: (descriptor: number, stat: number) => {
      bytes(stat, 24).fill(0);
      view().setUint8(stat, descriptor === folder ? kindOfFile.folder : descriptor < folder ? kindOfFile.stream : kindOfFile.regular);
      // All rights: there is nothing here to protect.
      bytes(stat + 8, 16).fill(0xff);
      return ok;
    },
    fd_fdstat_set_flags: () => ok,
    fd_prestat_get: (descriptor: number, stat: number) => {
      if (descriptor !== folder) return badDescriptor;
      view().setUint32(stat, 0, true);
      view().setUint32(stat + 4, 1, true);
      return ok;
    },
    fd_prestat_dir_name: (_descriptor: number, name: number) => {
      view().setUint8(name, '/'.charCodeAt(0));
      return ok;
    },
    // Nothing to read: the end, at once.
    fd_read: (_descriptor: number, _parts: number, _count: number, read: number) => {
      view().setUint32(read, 0, true);
      return ok;
    },
    fd_seek: (descriptor: number, offset: bigint, whence: number, position: number) => {
      const file = open.get(descriptor);
      if (file === undefined) return badDescriptor;
      file.position = Number(offset) + [0, file.position, file.data.length][whence]!;
      view().setBigUint64(position, BigInt(file.position), true);
      return ok;
    },
    fd_write: (descriptor: number, parts: number, count: number, written: number) => {
      const file = open.get(descriptor);
      if (file === undefined && descriptor > folder) return badDescriptor;
      let total = 0;
      for (let i = 0; i < count; i += 1) {
        const length = view().getUint32(parts + i * 8 + 4, true);
        // What it prints is for nobody.
        if (file !== undefined) write(file, bytes(view().getUint32(parts + i * 8, true), length));
        total += length;
      }
      view().setUint32(written, total, true);
      return ok;
    },
    path_open: (_folder: number, _follow: number, path: number, length: number, flags: number, _base: bigint, _inheriting: bigint, _mode: number, descriptor: number) => {
      // 1 is to create; there is no file that it could read.
      if ((flags & 1) === 0) return notFound;
      const file = { name: new TextDecoder().decode(bytes(path, length)), data: new Uint8Array(0), position: 0 };
      const next = Math.max(folder, ...open.keys()) + 1;
      files.set(file.name, file);
      open.set(next, file);
      view().setUint32(descriptor, next, true);
      return ok;
    },
    proc_exit: (code: number) => {
      throw new Exit(code);
    },
  };

  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: system });
  const start = instance.exports['_start'];
  if (typeof start !== 'function') throw new TypeError('not a program for WASI: it has no start');
  let exitCode = 0;
  try {
    start();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    exitCode = error.code;
  }
  return { exitCode, files: new Map([...files].map(([name, { data }]) => [name, data])) };
}

function memoryOf({ exports }: WebAssembly.Instance): WebAssembly.Memory {
  const { memory } = exports;
  if (memory instanceof WebAssembly.Memory) return memory;
  throw new TypeError('not a program for WASI: it has no memory');
}
