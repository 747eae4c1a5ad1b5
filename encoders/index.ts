// The encoders that a bundle can use, and the text encoders of decoders that are the same model. One line a factory.

import type { AnyFactory } from '../src/contracts.ts';
import { jointAudio } from './audio/joint-audio.ts';
import { jointImage } from './image/joint-image.ts';
import { clipPrompt } from './text/clip-prompt.ts';
import { sentenceTokens } from './text/sentence-tokens.ts';
import { sentenceTransformer } from './text/sentence-transformer.ts';
import { jointVideo } from './video/joint-video.ts';

export const factories: readonly AnyFactory[] = [
  sentenceTransformer,
  sentenceTokens,
  clipPrompt,
  jointImage,
  jointAudio,
  jointVideo,
];
