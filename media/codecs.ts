// The codecs of sound and video, loaded when first needed, and what to say where they are not installed.
// Knows where they come from; knows no format.
import type * as Mediabunny from 'mediabunny';
import { AnymodalError } from '../src/errors.ts';

export type Codecs = typeof Mediabunny;

/**
 * The container library with its native encoders and decoders registered.
 * @param purpose what needs them, for the message, such as `A mp3 sound`.
 * @throws AnymodalError `unsupported` where the optional package `@mediabunny/server` is not installed or does not load here.
 */
export async function loadCodecs(purpose: string): Promise<Codecs> {
  const mediabunny = await import('mediabunny');
  try {
    const { registerMediabunnyServer } = await import('@mediabunny/server');
    // A graphics card's encoder gives other bytes than the processor's.
    registerMediabunnyServer({ hardwareContext: null });
  } catch (error) {
    throw new AnymodalError(
      'unsupported',
      `${purpose} needs the optional package @mediabunny/server, which ${wasNotFound(error) ? 'is not installed' : 'does not load on this system'}; run "npm install @mediabunny/server@1.59.0". Formats that need no package: wav for sound, gif and webp for video.`,
      { cause: error },
    );
  }
  // What goes wrong is thrown; the library's own lines would go to the standard streams, which belong to the command line.
  mediabunny.Logging.level = mediabunny.LogLevel.Silent;
  return mediabunny;
}

function wasNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}
