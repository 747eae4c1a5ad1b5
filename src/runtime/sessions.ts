// Opens ONNX graphs by path, runs them, counts and releases them; the only file that imports onnxruntime-node.
// Knows no component, no bundle and no modality; loads the native library at the first use, never at import.

import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type * as Runtime from 'onnxruntime-node';
import type { InferenceSession, OnnxValue, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Device } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { shouldMapWeights } from './weights.ts';

/** A row-major tensor at the border of a graph; int64 is BigInt64Array, float16 is Uint16Array, bool is Uint8Array. */
export type RuntimeTensor = {
  shape: readonly number[];
  data: Float32Array | BigInt64Array | Int32Array | Uint8Array | Uint16Array;
};

/** A graph's input or output: its ONNX element type (`float32`, `int64`, ...) and its axes, named where free. */
export type PortInfo = { name: string; type: string; shape: readonly (number | string)[] };

export interface Session {
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  /**
   * Runs the graph once; it blocks this thread from the next turn of the event loop to the end of the run.
   * Feeds are borrowed and results owned. `fetch` limits the outputs. Throws `internal`.
   */
  run(feeds: Record<string, RuntimeTensor>, fetch?: readonly string[]): Promise<Record<string, RuntimeTensor>>;
  /** Gives the session back after its runs in flight; safe to call twice. */
  release(): Promise<void>;
}

type Native = { opening: Promise<InferenceSession>; holders: number };

// The native sessions of this process by device and file. Process-wide because they are a resource of the process:
// opening a file twice must not double its weights, and a leak must be countable.
const openSessions = new Map<string, Native>();
let handles = 0;

/** Loads the native library, with its telemetry off. Throws `device_unavailable` where it does not load. */
export async function loadRuntime(): Promise<typeof Runtime> {
  // ONNX Runtime reads this when the library loads and writes files to the home directory otherwise. The spawner of
  // the engine sets it; a program that uses the engine in-process has no spawner, so it is set here if absent.
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
  try {
    const runtime = await import('onnxruntime-node');
    // Faults are thrown as well; printing them too would mix native lines, with paths, into a program's output.
    runtime.env.logLevel = 'fatal';
    return runtime;
  } catch (error) {
    throw new AnymodalError('device_unavailable', `onnxruntime-node does not load: ${reason(error)}. Run \`npm ci\` for this platform.`, { cause: error });
  }
}

/** Number of session handles that are opened and not yet released. */
export function openSessionCount(): number {
  return handles;
}

/**
 * Opens an ONNX graph with its external weight files beside it. A path opened twice on one device shares one native
 * session. `mapped` maps the weights into memory instead of copying and repacking them; the default is by their size.
 * Throws `bundle_invalid` for a file that is missing or no graph, `device_unavailable` for a device that does not start.
 */
export async function openSession(path: string, options: { device: Device; mapped?: boolean; threads?: number }): Promise<Session> {
  const name = basename(path);
  if (options.device === 'webgpu' && !isMainThread) {
    // Two threads that run WebGPU sessions at once end the process with SIGSEGV; one thread runs one graph at a time.
    throw new AnymodalError('device_unavailable', `${name}: webgpu runs on the main thread of a process only; use another process.`);
  }
  // For the key alone: the weights lie beside the path that was given, which may be a link.
  const resolved = await realpath(path).catch((error: unknown) => {
    throw new AnymodalError('bundle_invalid', `${name}: the file cannot be found or read.`, { cause: error });
  });
  const key = `${options.device}\n${resolved}`;
  const forget = (): void => void openSessions.delete(key);
  const native = openSessions.get(key) ?? { opening: createNative(path, options), holders: 0 };
  openSessions.set(key, native);
  // Counted before the wait, so that a release meanwhile leaves the session to this caller.
  native.holders += 1;
  let session: InferenceSession;
  try {
    session = await native.opening;
  } catch (error) {
    forget();
    throw error;
  }
  handles += 1;
  return handle(name, native, session, forget);
}

/**
 * Checks that a graph has these inputs and outputs with these element types, so that a wrong file fails when it is
 * opened. Throws `bundle_invalid` that names every fault at once; releases nothing.
 */
export function requirePorts(session: Session, path: string, ports: { inputs: Record<string, string>; outputs: Record<string, string> }): void {
  const faults = [
    ...portFaults('input', session.inputs, ports.inputs),
    ...session.inputs.filter((port) => !(port.name in ports.inputs)).map((port) => `unexpected input ${port.name}`),
    ...portFaults('output', session.outputs, ports.outputs),
  ];
  if (faults.length > 0) throw new AnymodalError('bundle_invalid', `${basename(path)}: ${faults.join('; ')}. Export the graph again.`);
}

function portFaults(side: string, found: readonly PortInfo[], expected: Record<string, string>): string[] {
  return Object.entries(expected).flatMap(([name, type]) => {
    const port = found.find((candidate) => candidate.name === name);
    if (port === undefined) return [`${side} ${name} (${type}) is missing, the graph has ${found.map((each) => each.name).join(', ') || 'none'}`];
    return port.type === type ? [] : [`${side} ${name} is ${port.type}, expected ${type}`];
  });
}

async function createNative(path: string, options: { device: Device; mapped?: boolean; threads?: number }): Promise<InferenceSession> {
  const runtime = await loadRuntime();
  const name = basename(path);
  const mapped = options.mapped ?? (await shouldMapWeights(path));
  try {
    return await runtime.InferenceSession.create(path, sessionOptions(options.device, mapped, options.threads));
  } catch (error) {
    const text = reason(error).replaceAll(path, name);
    const ofDevice = options.device !== 'cpu' && /execution ?provider|adapter|shared library|backend|not found or not supported/i.test(text);
    if (ofDevice) throw new AnymodalError('device_unavailable', `${name}: ${options.device} does not start: ${text}. Choose --device cpu or auto.`, { cause: error });
    throw new AnymodalError('bundle_invalid', `${name}: not a graph that can be run: ${text}`, { cause: error });
  }
}

/** Options of the native session. Spinning is off because a server's idle threads would eat the cores. */
export function sessionOptions(device: Device, mapped: boolean, threads?: number): InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    extra: { session: { intra_op: { allow_spinning: '0' }, ...(mapped ? { disable_prepacking: '1' } : {}) } },
  };
}

function handle(name: string, native: Native, session: InferenceSession, forget: () => void): Session {
  const inputs = session.inputMetadata.map(portInfo);
  const outputs = session.outputMetadata.map(portInfo);
  // A decoder of language is fed hundreds of ports a token.
  const ports = new Map(inputs.map((port) => [port.name, port]));
  const inFlight = new Set<Promise<unknown>>();
  let released = false;
  return {
    inputs,
    outputs,
    async run(feeds, fetch) {
      if (released) throw new AnymodalError('internal', `${name}: run after release.`);
      const running = runOnce(name, session, ports, feeds, fetch);
      inFlight.add(running);
      try {
        return await running;
      } finally {
        inFlight.delete(running);
      }
    },
    async release() {
      if (released) return;
      released = true;
      await Promise.allSettled(inFlight);
      handles -= 1;
      native.holders -= 1;
      if (native.holders > 0) return;
      forget();
      await session.release();
    },
  };
}

async function runOnce(name: string, session: InferenceSession, ports: ReadonlyMap<string, PortInfo>, feeds: Record<string, RuntimeTensor>, fetch?: readonly string[]): Promise<Record<string, RuntimeTensor>> {
  const { Tensor } = await loadRuntime();
  const values: Record<string, OrtTensor> = {};
  for (const [port, tensor] of Object.entries(feeds)) {
    const info = ports.get(port);
    if (info === undefined) throw new AnymodalError('internal', `${name}: no input ${port}; expected ${[...ports.keys()].join(', ')}.`);
    values[port] = toNative(Tensor, name, info, tensor);
  }
  let results: InferenceSession.OnnxValueMapType;
  try {
    results = fetch === undefined ? await session.run(values) : await session.run(values, fetch);
  } catch (error) {
    throw new AnymodalError('internal', `${name}: the run failed: ${reason(error)}`, { cause: error });
  }
  const owned: Record<string, RuntimeTensor> = {};
  for (const [port, value] of Object.entries(results)) owned[port] = fromNative(name, port, value);
  return owned;
}

function toNative(Tensor: typeof Runtime.Tensor, name: string, port: PortInfo, { data, shape }: RuntimeTensor): OrtTensor {
  if (shape.reduce((product, axis) => product * axis, 1) === data.length) {
    if (data instanceof Float32Array && port.type === 'float32') return new Tensor('float32', data, shape);
    if (data instanceof BigInt64Array && port.type === 'int64') return new Tensor('int64', data, shape);
    if (data instanceof Int32Array && port.type === 'int32') return new Tensor('int32', data, shape);
    if (data instanceof Uint8Array && port.type === 'uint8') return new Tensor('uint8', data, shape);
    if (data instanceof Uint8Array && port.type === 'bool') return new Tensor('bool', data, shape);
    if (data instanceof Uint16Array && port.type === 'uint16') return new Tensor('uint16', data, shape);
    if (data instanceof Uint16Array && port.type === 'float16') {
      // Node 24 turns float16 data into a Float16Array, which the binding of 1.30 cannot read (microsoft/onnxruntime#32323).
      return Object.assign(new Tensor('float16', data, shape), { cpuData: data });
    }
  }
  throw new AnymodalError('internal', `${name}: input ${port.name}: got ${data.constructor.name} of ${data.length} as [${shape.join(', ')}], expected ${port.type} [${port.shape.join(', ')}].`);
}

function fromNative(name: string, port: string, value: OnnxValue): RuntimeTensor {
  const data: unknown = value.data;
  const shape = value.dims;
  if (data instanceof Float32Array || data instanceof BigInt64Array || data instanceof Int32Array || data instanceof Uint8Array || data instanceof Uint16Array) return { shape, data };
  if (value.type === 'float16' && ArrayBuffer.isView(data)) return { shape, data: new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2) };
  throw new AnymodalError('bundle_invalid', `${name}: output ${port} has the element type ${value.type}, which is not supported.`);
}

function portInfo(metadata: InferenceSession.ValueMetadata): PortInfo {
  return metadata.isTensor ? { name: metadata.name, type: metadata.type, shape: metadata.shape } : { name: metadata.name, type: 'sequence', shape: [] };
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
