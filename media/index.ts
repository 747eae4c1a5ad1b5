// Media in and out: what other rooms may call.
// Bytes of strangers are decoded in a limited process of its own; `closeMedia` ends it.
export { addSound } from './add-sound.ts';
export { convertAudio } from './convert-audio.ts';
export type { SoundFormat } from './convert-audio.ts';
export { convertImage, firstFrame, maskOfAlpha } from './convert-image.ts';
export type { ImageChange } from './convert-image.ts';
export { decodeAudio, inspectAudio } from './decode-audio.ts';
export type { AudioHeader, AudioRange, DecodedAudio } from './decode-audio.ts';
export { decodeImage, inspectImage } from './decode-image.ts';
export type { DecodedImage, ImageHeader, ImageSize } from './decode-image.ts';
export { decodeVideo, inspectVideo, soundOfVideo } from './decode-video.ts';
export type { DecodedVideo, VideoFrames, VideoHeader } from './decode-video.ts';
export { encodeAudio } from './encode-audio.ts';
export type { AudioEncoding, AudioFormat, Sound } from './encode-audio.ts';
export { encodeImage } from './encode-image.ts';
export type { ImageEncoding, ImageFormat } from './encode-image.ts';
export { encodeVideo } from './encode-video.ts';
export type { Clip, VideoEncoding, VideoFormat } from './encode-video.ts';
export { logMel, logMelSchema } from './log-mel.ts';
export type { LogMelSettings } from './log-mel.ts';
export { maxMediaBytes, mediaFromBytes } from './media-from-bytes.ts';
export type { MediaReading } from './media-from-bytes.ts';
export { generatedSourceType, isMarkedGenerated, readProvenance } from './provenance.ts';
export { closeMedia } from './shared-decoder.ts';
export { audioMediaTypes, imageMediaTypes, sniffMedia, videoMediaTypes } from './sniff.ts';
export type { MediaKind } from './sniff.ts';
