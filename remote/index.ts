// The components that a bundle can have done elsewhere. One line a factory.

import type { AnyFactory } from '../src/contracts.ts';
import { anymodalDecoder } from './anymodal/decoder.ts';
import { anymodalServer } from './anymodal/engine.ts';
import { comfyui } from './comfyui/decoder.ts';
import { openaiAudio } from './openai/audio.ts';
import { openaiEmbeddings } from './openai/embeddings.ts';
import { openaiImage } from './openai/image.ts';
import { openaiLanguageModel } from './openai/language-model.ts';
import { openaiVideo } from './openai/video.ts';
import { wholeMedia } from './whole-media.ts';

export const factories: readonly AnyFactory[] = [
  openaiLanguageModel,
  openaiEmbeddings,
  openaiImage,
  openaiAudio,
  openaiVideo,
  comfyui,
  anymodalDecoder,
  anymodalServer,
  wholeMedia,
];
