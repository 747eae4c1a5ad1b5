// The codecs of sound and video, loaded when first needed, and what to say where they are not installed.
// Knows where they come from; knows no format.
import type * as Mediabunny from 'mediabunny';
import type * as NodeAv from 'node-av';
import { AnymodalError } from '../src/errors.ts';

export type Codecs = typeof Mediabunny;
export type Encoders = typeof NodeAv;

/**
 * The container library with its native encoders and decoders registered.
 * @param purpose what needs them, for the message, such as `An mp3 sound`.
 * @throws AnymodalError `unsupported` where the optional package `@mediabunny/server` is not installed or does not load here.
 */
export async function loadCodecs(purpose: string): Promise<Codecs> {
  const mediabunny = await import('mediabunny');
  const { registerMediabunnyServer } = await loaded(purpose, import('@mediabunny/server'));
  // A graphics card's encoder gives other bytes than the processor's.
  registerMediabunnyServer({ hardwareContext: null });
  // What goes wrong is thrown; the library's own lines would go to the standard streams, which belong to the command line.
  mediabunny.Logging.level = mediabunny.LogLevel.Silent;
  return mediabunny;
}

/** FFmpeg's encoders as they are, which that package brings with it. Throws as `loadCodecs`. */
export async function loadEncoders(purpose: string): Promise<Encoders> {
  const encoders = await loaded(purpose, import('node-av'));
  encoders.Log.setLevel(encoders.AV_LOG_ERROR);
  return encoders;
}

/** Formats that are written without the optional packages, and those of sound, which need one of them. */
const plain: ReadonlySet<string> = new Set(['wav', 'gif', 'webp', 'png', 'jpeg']);
const sounds: ReadonlySet<string> = new Set(['mp3', 'ogg', 'flac']);

/** Finds out before work begins whether a file of this format can be written here. Throws `unsupported`, as writing it would. */
export async function checkFormat(format: string): Promise<void> {
  if (plain.has(format)) return;
  await loadCodecs(`A file of the format ${format}`);
  if (!sounds.has(format)) await loadEncoders(`A file of the format ${format}`);
}

async function loaded<T>(purpose: string, loading: Promise<T>): Promise<T> {
  try {
    return await loading;
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    throw new AnymodalError(
      'unsupported',
      `${purpose} needs the optional package @mediabunny/server, which ${missing ? 'is not installed' : 'does not load on this system'}; run "npm install @mediabunny/server@1.59.0". Formats that need no package: wav for sound, gif and webp for video.`,
      { cause: error },
    );
  }
}
