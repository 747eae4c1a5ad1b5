// The encoders that a bundle can use, and the text encoders of decoders that are the same model. One line a factory.

import type { AnyFactory } from '../src/contracts.ts';
import { fbankJointAudio } from './audio/fbank-joint-audio.ts';
import { jointAudio } from './audio/joint-audio.ts';
import { jointDepth } from './depth/joint-depth.ts';
import { clipJointImage } from './image/clip-joint-image.ts';
import { jointImage } from './image/joint-image.ts';
import { thumbnail } from './image/thumbnail.ts';
import { jointImu } from './imu/joint-imu.ts';
import { clipJointText } from './text/clip-joint-text.ts';
import { clipPrompt } from './text/clip-prompt.ts';
import { sentenceTokens } from './text/sentence-tokens.ts';
import { sentenceTransformer } from './text/sentence-transformer.ts';
import { jointThermal } from './thermal/joint-thermal.ts';
import { clipJointVideo } from './video/clip-joint-video.ts';
import { jointVideo } from './video/joint-video.ts';

export const factories: readonly AnyFactory[] = [
  sentenceTransformer,
  sentenceTokens,
  clipPrompt,
  jointImage,
  thumbnail,
  jointAudio,
  jointVideo,
  clipJointText,
  clipJointImage,
  clipJointVideo,
  fbankJointAudio,
  jointDepth,
  jointThermal,
  jointImu,
];
