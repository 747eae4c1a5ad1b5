// Numbers in files: arrays of NumPy (.npy) and tables of comma-separated values.
// Plain parsers of a stranger's bytes that run no code of theirs; know no modality. Source of the format: numpy/lib/format.py.

import { AnymodalError } from '../src/errors.ts';

export interface Table {
  /** Axes, the slowest first. */
  readonly shape: readonly number[];
  readonly data: Float64Array;
  /** Whether its values are whole numbers of one byte, as those of a picture. */
  readonly bytewise: boolean;
  /** Names of the columns of a table of values, where it begins with some. */
  readonly header: readonly string[] | null;
}

export const npyMediaType = 'application/x-npy';
export const csvMediaType = 'text/csv';

type Reader = (view: DataView, at: number, little: boolean) => number;

const readers: Readonly<Record<string, { readonly bytes: number; readonly read: Reader }>> = {
  f4: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  f2: { bytes: 2, read: (view, at, little) => halfOf(view.getUint16(at, little)) },
  u1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  i1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  b1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  u2: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  i2: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  u4: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  i4: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  i8: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  u8: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
};

/** Reads an array or a table, whichever the bytes are. Throws `bad_media`; `name` is for the message. */
export function readTable(bytes: Uint8Array, name: string): Table {
  return isNpy(bytes) ? readNpy(bytes, name) : readCsv(bytes, name);
}

export function isNpy(bytes: Uint8Array): boolean {
  return bytes[0] === 0x93 && Buffer.from(bytes.subarray(1, 6)).toString('latin1') === 'NUMPY';
}

function readNpy(bytes: Uint8Array, name: string): Table {
  const bad = (why: string): AnymodalError => new AnymodalError('bad_media', `${name}: ${why}; save it again with numpy.save, as numbers.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6] ?? 0;
  if (bytes.length < 12 || version < 1 || version > 3) throw bad('it is no array of NumPy that is known');
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const begin = (version === 1 ? 10 : 12) + length;
  const header = Buffer.from(bytes.subarray(begin - length, begin)).toString('latin1');
  const [, order = '', type = ''] = /'descr':\s*'([<>|=])(\w+)'/.exec(header) ?? [];
  const axes = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  const reader = readers[type];
  if (reader === undefined || axes === undefined) throw bad('its values are no plain numbers');
  const shape = axes.split(',').map((axis) => axis.trim()).filter((axis) => axis !== '').map(Number);
  const count = shape.reduce((product, axis) => product * axis, 1);
  if (!Number.isSafeInteger(count) || shape.some((axis) => !Number.isSafeInteger(axis) || axis < 1)) throw bad(`its shape is (${axes})`);
  if (bytes.length - begin !== count * reader.bytes) throw bad(`it has ${bytes.length - begin} bytes of values, expected ${count * reader.bytes} for (${axes}) of ${type}`);
  const data = Float64Array.from({ length: count }, (_, index) => reader.read(view, begin + index * reader.bytes, order !== '>'));
  if (!data.every(Number.isFinite)) throw bad('some of its values are not finite');
  const isColumns = /'fortran_order':\s*True/.test(header);
  return { shape, data: isColumns ? rowsOf(data, shape) : data, bytewise: type === 'u1', header: null };
}

/** The values of an array whose first axis is the fastest, in the usual order. */
function rowsOf(data: Float64Array, shape: readonly number[]): Float64Array {
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, length) => product * length, 1));
  return data.map((_, index) => {
    let [rest, at] = [index, 0];
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const length = shape[axis] ?? 1;
      at += (rest % length) * (strides[axis] ?? 0);
      rest = Math.floor(rest / length);
    }
    return data[at] ?? 0;
  });
}

function halfOf(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return exponent === 31 ? (fraction === 0 ? sign * Infinity : NaN) : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function readCsv(bytes: Uint8Array, name: string): Table {
  const bad = (why: string): AnymodalError => new AnymodalError('bad_media', `${name}: ${why}; expected rows of numbers with commas between, as csv or npy.`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw bad('it is no text');
  }
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  const [first] = lines;
  if (first === undefined) throw bad('it is empty');
  // A comma may be the decimal sign only where another character stands between the values.
  const between = first.includes(';') ? ';' : first.includes('\t') ? '\t' : first.includes(',') ? ',' : /\s+/;
  const cells = (line: string): string[] => line.split(between).map((cell) => cell.trim());
  const numbers = (line: string): number[] => cells(line).map((cell) => (cell === '' ? NaN : Number(between === ';' ? cell.replace(',', '.') : cell)));
  const header = numbers(first).some(Number.isNaN) ? cells(first) : null;
  const rows = (header === null ? lines : lines.slice(1)).map(numbers);
  const columns = rows[0]?.length ?? 0;
  if (columns === 0) throw bad('it has no rows of numbers');
  for (const [index, row] of rows.entries()) {
    if (row.length !== columns) throw bad(`row ${index + 1} has ${row.length} values, the first one ${columns}`);
    if (!row.every(Number.isFinite)) throw bad(`row ${index + 1} has a value that is no number`);
  }
  return { shape: [rows.length, columns], data: Float64Array.from(rows.flat()), bytewise: false, header };
}
