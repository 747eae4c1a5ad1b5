// Every decoder keeps the contract of decoders.

import { latentDiffusionAudio } from '../../decoders/audio/latent-diffusion-audio.ts';
import { latentDiffusionImage } from '../../decoders/image/latent-diffusion-image.ts';
import { latentDiffusionVideo } from '../../decoders/video/latent-diffusion-video.ts';
import { describeDecoder } from '../conformance/decoder.ts';
import { sweep, tinyConfig as audioConfig } from './audio/tiny.ts';
import { picture, tinyConfig as imageConfig } from './image/tiny.ts';
import { clip, tinyConfig as videoConfig } from './video/tiny.ts';

describeDecoder(latentDiffusionImage, {
  config: imageConfig,
  files: { transformer: 'tiny/image/transformer.onnx', latentEncoder: 'tiny/image/latent-encoder.onnx', latentDecoder: 'tiny/image/latent-decoder.onnx' },
  options: { steps: 4 },
  edited: async () => picture(128, 128, (x, y) => [Math.round(255 * x), Math.round(255 * y), 40]),
});

describeDecoder(latentDiffusionAudio, {
  config: audioConfig,
  files: {
    transformer: 'tiny/audio/transformer.onnx', vocoder: 'tiny/audio/vocoder.onnx', melEncoder: 'tiny/audio/mel-encoder.onnx', environment: 'tiny/audio/environment.onnx',
  },
  options: { steps: 4, seconds: 1 },
  edited: async () => sweep(1),
});

describeDecoder(latentDiffusionVideo, {
  config: videoConfig,
  files: {
    transformer: 'tiny/video/transformer.onnx', imageTransformer: 'tiny/image/transformer.onnx', latentEncoder: 'tiny/image/latent-encoder.onnx', latentDecoder: 'tiny/image/latent-decoder.onnx',
  },
  options: { steps: 2, frames: 4 },
  edited: async () => clip(4, 8, (x, y, t) => [Math.round(255 * x), Math.round(255 * y), Math.round(255 * t)]),
});
