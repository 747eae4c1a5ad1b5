// Small plain functions on float32 tensors in host memory; knows no graph and no component.

import type { Tensor } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import type { RuntimeTensor } from './sessions.ts';

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

/** A tensor over `data` as it is. Throws `internal` where the length does not fit the shape. */
export function tensorOf(shape: readonly number[], data: Float32Array): Tensor {
  if (elementCount(shape) !== data.length) throw new AnymodalError('internal', `tensor: got ${data.length} values for [${shape.join(', ')}].`);
  return { shape, data };
}

export function zeros(shape: readonly number[]): Tensor {
  return { shape, data: new Float32Array(elementCount(shape)) };
}

/** The same data under another shape, not copied. */
export function reshape(tensor: Tensor, shape: readonly number[]): Tensor {
  return tensorOf(shape, tensor.data);
}

/** A graph's output as a float32 tensor, not copied. Throws `bundle_invalid` for another type; `name` is for the message. */
export function floatTensor(value: RuntimeTensor | undefined, name: string): Tensor {
  if (value?.data instanceof Float32Array) return { shape: value.shape, data: value.data };
  throw new AnymodalError('bundle_invalid', `output ${name}: got ${value === undefined ? 'nothing' : value.data.constructor.name}, expected float32.`);
}

/** Token ids or positions as an int64 graph input. */
export function int64Tensor(shape: readonly number[], values: ArrayLike<number>): RuntimeTensor {
  return { shape, data: BigInt64Array.from({ length: values.length }, (_, i) => BigInt(values[i]!)) };
}

/** Tensors that differ in their first axis only, one after another along it. Throws `internal` where the others differ. */
export function concatRows(tensors: readonly Tensor[]): Tensor {
  const row = tensors[0]?.shape.slice(1) ?? [];
  const rows = tensors.reduce((sum, tensor) => sum + (tensor.shape[0] ?? 0), 0);
  const data = new Float32Array(rows * elementCount(row));
  let offset = 0;
  for (const tensor of tensors) {
    if (tensor.shape.slice(1).join() !== row.join()) throw new AnymodalError('internal', `concatRows: got rows of [${tensor.shape.slice(1).join(', ')}] and [${row.join(', ')}].`);
    data.set(tensor.data, offset);
    offset += tensor.data.length;
  }
  return { shape: [rows, ...row], data };
}

/** Rows `start` to `end` (not included) of the first axis, as a view of the same memory. */
export function sliceRows(tensor: Tensor, start: number, end: number): Tensor {
  const [rows = 0, ...row] = tensor.shape;
  if (!(start >= 0 && start <= end && end <= rows)) throw new AnymodalError('internal', `sliceRows: got ${start} to ${end} of ${rows} rows.`);
  const width = elementCount(row);
  return { shape: [end - start, ...row], data: tensor.data.subarray(start * width, end * width) };
}

/** A copy of one vector at length 1; a zero vector stays zero. */
export function l2Normalise(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(dot(vector, vector));
  return norm === 0 ? vector.slice() : vector.map((value) => value / norm);
}

/** Sum of products, in double precision. Throws `internal` where the lengths differ. */
export function dot(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new AnymodalError('internal', `dot: got lengths ${a.length} and ${b.length}.`);
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i]! * b[i]!;
  return sum;
}
