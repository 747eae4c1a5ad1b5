// The whole chain on WebGPU against the CPU: language model, encoders, projectors, diffusion and autoencoders, on graphs with random weights
// and attention of plain operators. Runs on any adapter, also a software one (test/gpu/lavapipe.sh); skips with the reason where there is none.

import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { apart, runJobs } from '../../bench/device-jobs.ts';
import type { DeviceResult } from '../../bench/device-jobs.ts';
import { createZeroscope } from '../../decoders/video/zeroscope/factory.ts';
import { openZeroscopeGraphs } from '../../decoders/video/zeroscope/graphs.ts';
import { readConfig } from '../../decoders/video/zeroscope/settings.ts';
import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { closeMedia } from '../../media/index.ts';
import { openBundle } from '../../src/bundle/open.ts';
import type { Device } from '../../src/contracts.ts';
import { startEngine } from '../../src/engine/client.ts';
import { AnymodalError } from '../../src/errors.ts';
import { using } from '../conformance/component.ts';
import { makeVideo } from '../decoders/video/tiny.ts';

const folder = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const factoryModules = ['encoders', 'projectors', 'decoders', 'src/language-model'].map((room) => new URL(`../../${room}/index.ts`, import.meta.url));

afterAll(closeMedia);

/** Results of a bundle on a device, in a process of its own; the reason where the device does not start. */
async function resultsOn(device: Device, bundle: string): Promise<DeviceResult[] | string> {
  try {
    const engine = await startEngine({ bundle, device, factoryModules });
    try {
      return await runJobs(engine, 1);
    } finally {
      await engine.close();
    }
  } catch (error) {
    if (error instanceof AnymodalError && error.code === 'device_unavailable') return error.message;
    throw error;
  }
}

const found = await resultsOn('webgpu', folder('tiny'));
const reason = typeof found === 'string' ? found : null;
const told = reason === null ? '' : ` (skipped: ${reason})`;

test.skipIf(reason !== null)(`the tiny bundle: text to the letter, sounds and embeddings${told}`, async () => {
  const expected = await resultsOn('cpu', folder('tiny'));
  if (typeof expected === 'string' || typeof found === 'string') throw new Error('no results');
  expect(expected.map(({ name }) => name)).toEqual(expect.arrayContaining(['image', 'audio', 'video', 'text', 'embedding of text', 'embedding of audio']));
  for (const each of expected) {
    // Its transformer of pictures begins with a convolution of 9 channels, which WebGPU in ONNX Runtime 1.30 computes wrongly (microsoft/onnxruntime#29651).
    if (/image|video/.test(each.name)) continue;
    expect(apart(each, found.find(({ name }) => name === each.name)), each.name).toMatchObject({ mean: expect.closeTo(0, 4), largest: expect.closeTo(0, 3) });
  }
});

test.skipIf(reason !== null)('Stable Diffusion as Optimum exports it: the picture', async () => {
  const [expected, got] = [await resultsOn('cpu', folder('stable-diffusion/sd')), await resultsOn('webgpu', folder('stable-diffusion/sd'))];
  if (typeof expected === 'string' || typeof got === 'string') throw new Error('no results');
  // A step of a colour's 255.
  expect(apart(expected[0]!, got[0])).toMatchObject({ mean: expect.closeTo(0, 3), largest: expect.closeTo(0, 1) });
});

test.skipIf(reason !== null)('Zeroscope with plain attention: every frame', async () => {
  const bundle = await openBundle(folder('zeroscope/bundle'), [...encoders, ...decoders]);
  const latentsOn = async (device: Device): Promise<Float32Array> => {
    const { source } = bundle.component('video-decoder', device);
    const config = readConfig(source.config);
    const graphs = await openZeroscopeGraphs({ ...source, path: (file) => source.path(file).replace('unet/model.onnx', 'unet/plain.onnx') }, config);
    const seen: Float32Array[] = [];
    const decode: typeof graphs.decode = async (...given) => {
      const pixels = await graphs.decode(...given);
      seen.push(pixels);
      return pixels;
    };
    return using(Promise.resolve(createZeroscope(config, { ...graphs, decode })), async (decoder) => {
      const tokens = { shape: [77, config.tokenWidth], data: Float32Array.from({ length: 77 * config.tokenWidth }, (_, i) => Math.sin(0.3 * i)) };
      await makeVideo(decoder, { conditioning: { tokens }, options: { steps: 3, frames: 3, format: 'webp' } });
      return Float32Array.from(seen.flatMap((frame) => [...frame]));
    });
  };
  expect(apart(framesOf(await latentsOn('cpu')), framesOf(await latentsOn('webgpu')))).toMatchObject({ largest: expect.closeTo(0, 2), mean: expect.closeTo(0, 3) });
});

function framesOf(values: Float32Array): DeviceResult {
  return { name: 'frames', milliseconds: 0, text: null, values };
}
