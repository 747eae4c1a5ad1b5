// The factory `joint-depth`: how far things are, to the joint space. Arrays and tables hold metres and become standardised disparity, as
// Omnivore and ImageBind were trained on (facebookresearch/omnivore issue 12); a picture is a disparity already, what is near being bright.

import type { Factory } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts, jointSchema, openJointGraph } from '../joint-graph.ts';
import { planeMediaTypes, planeOf, type Meaning } from '../planes.ts';

interface DepthConfig {
  readonly joint: number;
  readonly size: number;
  readonly disparityAtOneMetre: number;
  readonly minMetres: number;
  readonly maxMetres: number;
  readonly maxDisparity: number;
  readonly mean: number;
  readonly std: number;
}

const above = { type: 'number', exclusiveMinimum: 0 };
const config = jointSchema(
  { size: { type: 'integer', minimum: 1, description: 'Width and height of what the network sees, in pixels.' } },
  {
    disparityAtOneMetre: { ...above, default: 0.075 * 518.857901, description: "Distance of a camera's two eyes in metres times its focal length in pixels." },
    minMetres: { ...above, default: 0.01, description: 'What is nearer counts as this near.' },
    maxMetres: { ...above, default: 50, description: 'What is further counts as this far.' },
    maxDisparity: { ...above, default: 75, description: 'Disparities are cut off here, and divided by it.' },
    mean: { type: 'number', default: 0.0418, description: 'Of disparities so divided.' },
    std: { ...above, default: 0.0295, description: 'Of disparities so divided.' },
  },
);

/** Files: `model`, a graph `pixels` [batch, 1, size, size] to `joint` [batch, joint]. */
export const jointDepth: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'joint-depth',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const meaning = meaningOf(read);
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

function readConfig(given: Readonly<Record<string, unknown>>): DepthConfig {
  return requireConfig('joint-depth', checkSchema<DepthConfig>(config, given, 'config'));
}

function meaningOf({ disparityAtOneMetre, minMetres, maxMetres, maxDisparity, mean, std }: DepthConfig): Meaning {
  return {
    ofBrightness: (value) => value,
    ofTable: ({ data }) => data.map((metres) => Math.min(disparityAtOneMetre / Math.min(Math.max(metres, minMetres), maxMetres), maxDisparity) / maxDisparity),
    ofValue: (value) => (value - mean) / std,
  };
}
