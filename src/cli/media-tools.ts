// What the server needs of bytes, on the room `media/`: what they are, how large, and other sizes and formats of them.
// Knows no route and no codec.
import { convertAudio, convertImage, firstFrame, inspectAudio, inspectImage, inspectVideo, maskOfAlpha, mediaFromBytes } from '../../media/index.ts';
import type { MediaTools } from '../server/media-contract.ts';

export const mediaTools: MediaTools = {
  read: async (bytes, name, as) => mediaFromBytes(bytes, name, as === undefined ? {} : { as }),
  async inspect(media, signal) {
    if (media.modality === 'image') {
      const { width, height } = await inspectImage(media, signal);
      return { width, height };
    }
    if (media.modality === 'audio') return { seconds: (await inspectAudio(media, signal)).seconds };
    if (media.modality !== 'video') return {};
    const { width, height, seconds, frames } = await inspectVideo(media, signal);
    return { width, height, seconds, frames };
  },
  picture: convertImage,
  maskOfAlpha,
  sound: convertAudio,
  thumbnail: async (media, signal) => firstFrame(media, undefined, signal),
};
