// The factory `image-joint-tower`: a picture to the joint space of CLIP, SigLIP and their like, seen as transformers' image processors show it.
// Sources: Radford et al. 2021 (arXiv 2103.00020), Zhai et al. 2023 (arXiv 2303.15343). Knows no language model.

import { imageMediaTypes } from '../../media/index.ts';
import type { Factory, JsonSchema } from '../../src/contracts.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts } from '../joint-graph.ts';
import { frameProperties } from '../preprocessing.ts';
import { openJointTower, towerProperties } from '../tower-joint.ts';
import type { TowerPorts } from '../tower-joint.ts';
import { kernelSchema, pixelsOf } from './image-tower.ts';
import type { PictureConfig } from './image-tower.ts';

interface ImageJointTowerConfig extends TowerPorts, PictureConfig {}

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['joint', 'size'],
  properties: { ...towerProperties('pixel_values', 'image_embeds'), ...frameProperties, kernel: kernelSchema },
};

/** Files: `model`, a graph from pixels [batch, 3, size, size] to one vector [batch, joint]. */
export const imageJointTower: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'image-joint-tower',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const tower = await openJointTower(source, read, [3, read.size, read.size]);
    return {
      mediaTypes: imageMediaTypes,
      // Only reading all pixels shows that none is missing.
      async check(media, context) {
        await pixelsOf(media, read, context);
      },
      encode: async (media, context) => tower.embed([await pixelsOf(media, read, context)], context.signal),
      dispose: async () => tower.release(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): ImageJointTowerConfig {
  return requireConfig('image-joint-tower', checkSchema<ImageJointTowerConfig>(config, given, 'config'));
}
