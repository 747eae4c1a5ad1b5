// Shapes of the audio routes: OpenAI's speech, and the three that servers have for text to sound.
// Knows no decoder.

import { z } from '@hono/zod-openapi';
import { makingShape } from '../output-options.ts';
import { fileSchema } from '../request-body.ts';

const words = z.string().min(1).max(4096).refine((text) => text.trim() !== '', { message: 'expected words, got blanks' });
const number = z.number().nullable().optional();
const model = z.string().nullable().optional().openapi({ description: 'A model or alias of GET /v1/models; the default one if absent.' });

/** Formats of a sound as clients name them. */
export const soundFormats = ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm', 'ogg'] as const;
export type SoundFormat = (typeof soundFormats)[number];

export const speechSchema = z
  .looseObject({
    input: words.openapi({ description: 'What is said.' }),
    model,
    voice: z.union([z.string().max(100), z.looseObject({ id: z.string().max(100) })]).nullable().optional().openapi({ description: 'A voice of GET /v1/audio/voices; OpenAI\'s names are mapped, with a warning.' }),
    instructions: z.string().max(4096).nullable().optional().openapi({ description: 'Not supported; warns.' }),
    response_format: z.enum(soundFormats).nullable().optional().openapi({ description: 'mp3 if absent; pcm is 16-bit little-endian mono at 24 kHz without a header.' }),
    speed: z.number().min(0.25).max(4).nullable().optional().openapi({ description: '2 is twice as fast; beyond what the decoder can, the nearest with a warning.' }),
    stream_format: z.enum(['audio', 'sse']).nullable().optional(),
    metadata: z.boolean().nullable().optional().openapi({ description: 'Whether text and settings are written into the file; true if absent.' }),
  })
  .openapi('Speech');
export type SpeechBody = z.infer<typeof speechSchema>;

export const soundSchema = z
  .looseObject({
    input: words.nullable().optional().openapi({ description: 'What is heard; or' }),
    prompt: words.nullable().optional().openapi({ description: 'the same; or' }),
    text: words.nullable().optional().openapi({ description: 'the same.' }),
    model,
    model_id: model,
    seconds: number.openapi({ description: 'Length.' }),
    audio_length: number.openapi({ description: 'The same as seconds.' }),
    duration: number.openapi({ description: 'The same as seconds.' }),
    duration_seconds: number.openapi({ description: 'The same as seconds.' }),
    response_format: z.enum(soundFormats).nullable().optional().openapi({ description: 'wav if absent.' }),
    output_format: z.string().max(40).nullable().optional().openapi({ description: 'The same as response_format; of mp3_44100_128 and the like the first part counts.' }),
    prompt_influence: z.number().min(0).max(1).nullable().optional().openapi({ description: 'Not supported; warns. guidance_scale is the like of it.' }),
    audio_start: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
    loop: z.unknown().optional().openapi({ description: 'Not supported; warns.' }),
    ...makingShape,
  })
  .openapi('SoundGeneration');
export type SoundBody = z.infer<typeof soundSchema>;

export const speechEventSchema = z
  .looseObject({
    type: z.enum(['speech.audio.delta', 'speech.audio.done']),
    audio: z.string().optional().openapi({ description: 'Bytes in base64.' }),
    usage: z.object({ input_tokens: z.number().int(), output_tokens: z.number().int(), total_tokens: z.number().int() }).optional(),
  })
  .openapi('SpeechEvent');

export const transcriptionSchema = z.looseObject({ file: fileSchema.optional(), model }).openapi('Transcription');
export const voicesSchema = z.object({ object: z.literal('list'), data: z.array(z.object({ id: z.string(), object: z.literal('audio.voice'), name: z.string() })), voices: z.array(z.string()) }).openapi('Voices');
