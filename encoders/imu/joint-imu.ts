// The factory `joint-imu`: readings of an accelerometer and a gyroscope to the joint space.
// [steps, 6] or [6, steps] as npy or csv: acceleration in m/s^2 along x, y, z, then turning in rad/s about them; a first column of a csv may be the time in seconds.

import type { Factory, Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts, jointSchema, nameOf, openJointGraph } from '../joint-graph.ts';
import { csvMediaType, npyMediaType, readTable, type Table } from '../tables.ts';

interface ImuConfig {
  readonly joint: number;
  readonly channels: number;
  readonly steps: number;
  readonly rateHz: number;
  readonly maxWindows: number;
}

const count = { type: 'integer', minimum: 1 };
const config = jointSchema(
  {
    channels: { ...count, description: 'Readings at one time.' },
    steps: { ...count, description: 'Readings that the network sees at once.' },
    rateHz: { type: 'number', exclusiveMinimum: 0, description: 'Readings a second that the network expects; files with times are resampled to it, others are taken to have it.' },
  },
  { maxWindows: { ...count, default: 8, description: 'The most windows that are read of one recording, spread over all of it.' } },
);

/** Files: `model`, a graph `motion` [batch, channels, steps] to `joint` [batch, joint]. */
export const jointImu: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'joint-imu',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const graph = await openJointGraph(source, 'motion', [read.channels, read.steps], read.joint);
    return {
      mediaTypes: [npyMediaType, csvMediaType],
      async check(media) {
        windowsOf(media, read);
      },
      encode: async (media, context) => graph.embed(windowsOf(media, read), context.signal),
      dispose: async () => graph.release(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): ImuConfig {
  return requireConfig('joint-imu', checkSchema<ImuConfig>(config, given, 'config'));
}

/** [channels, steps] of each window; a recording that is shorter ends in zeros. Throws `bad_media`. */
function windowsOf(media: Media, { channels, steps, rateHz, maxWindows }: ImuConfig): Float32Array[] {
  const { times, rows } = recordingOf(readTable(media.bytes, nameOf(media)), channels, nameOf(media));
  const length = rows[0]?.length ?? 0;
  const [begin, end] = [times?.[0] ?? 0, times?.at(-1) ?? 0];
  // The last reading belongs to it, whatever the last bit of its time.
  const total = times === null ? length : Math.floor((end - begin) * rateHz + 1e-6) + 1;
  const windows = Math.min(maxWindows, Math.max(1, Math.ceil(total / steps)));
  return Array.from({ length: windows }, (_, index) => {
    const start = windows === 1 ? 0 : Math.round((index * (total - steps)) / (windows - 1));
    const window = new Float32Array(channels * steps);
    for (const [channel, row] of rows.entries()) {
      let place = 0;
      for (let step = 0; step < Math.min(steps, total - start); step += 1) {
        if (times === null) {
          window[channel * steps + step] = row[start + step] ?? 0;
          continue;
        }
        const at = begin + (start + step) / rateHz;
        while (place + 2 < length && (times[place + 1] ?? 0) <= at) place += 1;
        window[channel * steps + step] = between(times, row, place, at);
      }
    }
    return window;
  });
}

/** On the line through readings `place` and `place` + 1, held at both ends. */
function between(times: Float64Array, row: Float64Array, place: number, at: number): number {
  const [from = 0, to = from] = [times[place], times[place + 1]];
  const [low = 0, high = low] = [row[place], row[place + 1]];
  const share = to > from ? Math.min(Math.max((at - from) / (to - from), 0), 1) : 0;
  return low + (high - low) * share;
}

/** A row of values for each channel, and their times where the file has any. */
function recordingOf({ shape, data, header }: Table, channels: number, name: string): { times: Float64Array | null; rows: Float64Array[] } {
  const [first = 0, second = 0] = shape.length === 3 && shape[0] === 1 ? shape.slice(1) : shape;
  const isFlat = shape.length === 2 || (shape.length === 3 && shape[0] === 1);
  const column = (index: number, width: number): Float64Array => Float64Array.from({ length: first }, (_, row) => data[row * width + index] ?? 0);
  if (isFlat && second === channels) return { times: null, rows: Array.from({ length: channels }, (_, index) => column(index, channels)) };
  if (isFlat && first === channels && header === null) return { times: null, rows: Array.from({ length: channels }, (_, index) => data.slice(index * second, (index + 1) * second)) };
  if (isFlat && second === channels + 1) {
    const times = column(0, second);
    if (times.some((time, index) => index > 0 && time <= (times[index - 1] ?? 0))) throw new AnymodalError('bad_media', `${name}: the times in its first column do not rise; expected seconds.`);
    return { times, rows: Array.from({ length: channels }, (_, index) => column(index + 1, second)) };
  }
  throw new AnymodalError('bad_media', `${name} has the shape (${shape.join(', ')}), expected (steps, ${channels}), (${channels}, steps), or a csv with the time in seconds before ${channels} columns.`);
}
