// Half-precision numbers at the border of a graph: float32 arrays to and from the bits that float16 ports take.
// Knows ports and bits; nothing of what the numbers mean. Source: IEEE 754-2019, binary16; rounds to nearest, ties to even.

import { AnymodalError } from '../errors.ts';
import type { PortInfo, RuntimeTensor, Session } from './sessions.ts';

/** Bits of float16 values as float32 numbers. */
export function fromHalf(bits: Uint16Array): Float32Array {
  const table = (halfTable ??= Float32Array.from({ length: 65536 }, (_, half) => numberOf(half)));
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) out[i] = table[bits[i]!]!;
  return out;
}

// Made at the first float16 graph: 65,536 numbers that never change.
let halfTable: Float32Array | null = null;

/** Float32 numbers as bits of float16; what is too large becomes infinite. */
export function toHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i += 1) out[i] = halfOf(bits[i]!);
  return out;
}

/** A tensor of float32 numbers as the port takes it: float16 and integers are converted, float32 is not copied. */
export function feedFor(port: PortInfo, shape: readonly number[], data: Float32Array): RuntimeTensor {
  if (port.type === 'float32') return { shape, data };
  if (port.type === 'float16') return { shape, data: toHalf(data) };
  if (port.type === 'int64') return { shape, data: BigInt64Array.from(data, (value) => BigInt(Math.round(value))) };
  if (port.type === 'int32') return { shape, data: Int32Array.from(data, Math.round) };
  throw new AnymodalError('bundle_invalid', `input ${port.name} is ${port.type}, expected float32, float16, int64 or int32. Export the graph again.`);
}

/** A graph's output as float32 numbers; float32 is not copied. Throws `bundle_invalid` for another type; `name` is for the message. */
export function floatsOf(value: RuntimeTensor | undefined, name: string): { readonly shape: readonly number[]; readonly data: Float32Array } {
  if (value?.data instanceof Float32Array) return { shape: value.shape, data: value.data };
  if (value?.data instanceof Uint16Array) return { shape: value.shape, data: fromHalf(value.data) };
  throw new AnymodalError('bundle_invalid', `output ${name}: got ${value === undefined ? 'nothing' : value.data.constructor.name}, expected float32 or float16.`);
}

/** The input of a graph by name. Throws `bundle_invalid` where there is none; `file` is for the message. */
export function inputPort(session: Session, file: string, name: string): PortInfo {
  const port = session.inputs.find((each) => each.name === name);
  if (port !== undefined) return port;
  throw new AnymodalError('bundle_invalid', `${file}: input ${name} is missing, the graph has ${session.inputs.map((each) => each.name).join(', ') || 'none'}. Export the graph again.`);
}

function numberOf(half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65,520 and more round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const even = (magnitude >>> 13) & 1;
    return sign | ((magnitude - 0x38000000 + 0xfff + even) >>> 13);
  }
  // Subnormal: the fraction with its leading one, shifted to units of 2^-24.
  if (magnitude < 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const whole = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (whole + (rest > half || (rest === half && (whole & 1) === 1) ? 1 : 0));
}
