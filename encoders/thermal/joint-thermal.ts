// The factory `joint-thermal`: a picture of heat to the joint space, as the brightness 0..1 that ImageBind's copy in NExT-GPT feeds.
// Arrays and tables of bytes are brightness, those of numbers within 0..1 as well; others are temperatures, spread from their lowest to their highest.

import type { Factory } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts, jointSchema, openJointGraph } from '../joint-graph.ts';
import { planeMediaTypes, planeOf, type Meaning } from '../planes.ts';
import type { Table } from '../tables.ts';

interface ThermalConfig {
  readonly joint: number;
  readonly size: number;
}

const config = jointSchema({ size: { type: 'integer', minimum: 1, description: 'Width and height of what the network sees, in pixels.' } });

/** Files: `model`, a graph `pixels` [batch, 1, size, size] to `joint` [batch, joint]. */
export const jointThermal: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'joint-thermal',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const graph = await openJointGraph(source, 'pixels', [1, read.size, read.size], read.joint);
    return {
      mediaTypes: planeMediaTypes,
      async check(media, context) {
        await planeOf(media, read.size, meaning, context.signal);
      },
      encode: async (media, context) => graph.embed([await planeOf(media, read.size, meaning, context.signal)], context.signal),
      dispose: async () => graph.release(),
    };
  },
};

const meaning: Meaning = { ofBrightness: (value) => value, ofTable: spread, ofValue: (value) => value };

function readConfig(given: Readonly<Record<string, unknown>>): ThermalConfig {
  return requireConfig('joint-thermal', checkSchema<ThermalConfig>(config, given, 'config'));
}

function spread({ data, bytewise }: Table): Float64Array {
  if (bytewise) return data.map((value) => value / 255);
  let [low, high] = [Infinity, -Infinity];
  for (const value of data) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low >= 0 && high <= 1) return data;
  return data.map((value) => (high === low ? 0 : (value - low) / (high - low)));
}
