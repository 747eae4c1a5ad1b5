// The decoders that a bundle can use. One line a factory.

import type { AnyFactory } from '../src/contracts.ts';
import { audioLdm } from './audio/audioldm/factory.ts';
import { latentDiffusionAudio } from './audio/latent-diffusion-audio.ts';
import { latentDiffusionImage } from './image/latent-diffusion-image.ts';
import { stableDiffusion } from './image/stable-diffusion/factory.ts';
import { fliteSpeech } from './speech/flite-speech.ts';
import { latentDiffusionVideo } from './video/latent-diffusion-video.ts';
import { zeroscope } from './video/zeroscope/factory.ts';

export const factories: readonly AnyFactory[] = [
  latentDiffusionImage,
  stableDiffusion,
  latentDiffusionAudio,
  audioLdm,
  latentDiffusionVideo,
  zeroscope,
  fliteSpeech,
];
