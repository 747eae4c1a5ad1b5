// The encoders that a bundle can use, and the text encoders of decoders that are the same model. One line a factory.

import type { AnyFactory } from '../src/contracts.ts';
import { clapJointAudio } from './audio/clap-joint-audio.ts';
import { fbankJointAudio } from './audio/fbank-joint-audio.ts';
import { jointAudio } from './audio/joint-audio.ts';
import { loudness } from './audio/loudness.ts';
import { jointDepth } from './depth/joint-depth.ts';
import { clipJointImage } from './image/clip-joint-image.ts';
import { imageJointTower } from './image/image-joint-tower.ts';
import { imageTower } from './image/image-tower.ts';
import { jointImage } from './image/joint-image.ts';
import { thumbnail } from './image/thumbnail.ts';
import { jointImu } from './imu/joint-imu.ts';
import { clapPrompt } from './text/clap-prompt.ts';
import { clipJointText } from './text/clip-joint-text.ts';
import { clipPrompt } from './text/clip-prompt.ts';
import { sentenceTokens } from './text/sentence-tokens.ts';
import { sentenceTransformer } from './text/sentence-transformer.ts';
import { t5Prompt } from './text/t5-prompt.ts';
import { textJointTower } from './text/text-joint-tower.ts';
import { jointThermal } from './thermal/joint-thermal.ts';
import { clipJointVideo } from './video/clip-joint-video.ts';
import { jointVideo } from './video/joint-video.ts';
import { videoThumbnail } from './video/video-thumbnail.ts';

export const factories: readonly AnyFactory[] = [
  sentenceTransformer,
  sentenceTokens,
  clipPrompt,
  clapPrompt,
  t5Prompt,
  jointImage,
  imageTower,
  thumbnail,
  jointAudio,
  loudness,
  jointVideo,
  videoThumbnail,
  clipJointText,
  clipJointImage,
  clipJointVideo,
  fbankJointAudio,
  textJointTower,
  imageJointTower,
  clapJointAudio,
  jointDepth,
  jointThermal,
  jointImu,
];
