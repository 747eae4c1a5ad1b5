// Audio routes: speech as OpenAI has it, text to sound under the three names that servers give it, and a clear no to transcription.
// Knows no decoder.

import type { Context } from 'hono';
import { z } from '@hono/zod-openapi';
import { AnymodalError } from '../../errors.ts';
import type { ServerParts } from '../contracts.ts';
import { documented, readQuery } from '../documented.ts';
import { eventStream, type StreamEvent } from '../event-stream.ts';
import { readBody, warnOfUnknown, warn } from '../request-body.ts';
import { createRoutes, type AppEnv, type Routes } from '../routes.ts';
import { collectReply, startAttached, type Reply } from '../run-job.ts';
import { soundOrder, speechOrder, speechOutput, type SoundOrder } from './order.ts';
import { soundSchema, speechEventSchema, speechSchema, transcriptionSchema, voicesSchema } from './schemas.ts';

const tag = 'Audio';
const types = ['audio/mpeg', 'audio/ogg', 'audio/aac', 'audio/flac', 'audio/wav', 'audio/pcm'];
const errors = [404, 409, 504, 507];
/** Bytes of a sound in one event. */
const CHUNK_BYTES = 24_576;

export const audioRoutes: Routes = (parts) => {
  const app = createRoutes();

  documented(app, { method: 'post', path: '/v1/audio/speech', tag, summary: 'Speak a text', body: { schema: speechSchema, form: true }, answers: { 200: { description: 'The speech; with stream_format sse, events.', bytes: types, events: speechEventSchema } }, errors });
  app.post('/v1/audio/speech', async (c) => {
    const { value, unknown } = await readBody(c, speechSchema);
    warnOfUnknown(c, unknown);
    const order = await speechOrder(c, parts, value);
    const { record, events } = await startAttached(parts, order.job, c.req.raw.signal);
    c.header('x-anymodal-job', record.id);
    if (value.stream_format !== 'sse') return answer(c, parts, order, await collectReply(events));
    return eventStream(c, async function* speak(signal): AsyncGenerator<StreamEvent> {
      const reply = await collectReply(events);
      const { bytes } = await soundOf(parts, order, reply, signal);
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        const audio = Buffer.from(bytes.subarray(at, at + CHUNK_BYTES)).toString('base64');
        yield { event: 'speech.audio.delta', data: { type: 'speech.audio.delta', audio } };
      }
      const { inputTokens, outputTokens } = reply.usage;
      yield { event: 'speech.audio.done', data: { type: 'speech.audio.done', usage: { input_tokens: inputTokens, output_tokens: outputTokens, total_tokens: inputTokens + outputTokens } } };
    });
  });

  for (const path of ['/v1/audio/generations', '/v1/audio/generate', '/v1/sound-generation']) {
    documented(app, { method: 'post', path, tag, summary: 'Make a sound from words', description: 'The same under /v1/audio/generations, /v1/audio/generate and /v1/sound-generation.', body: { schema: soundSchema, form: true }, answers: { 200: { description: 'The sound.', bytes: types, headers: { 'x-anymodal-seed': 'Makes the same sound again.' } } }, errors });
    app.post(path, async (c) => {
      const { value, unknown } = await readBody(c, soundSchema);
      warnOfUnknown(c, unknown);
      const order = await soundOrder(c, parts, value);
      const { record, events } = await startAttached(parts, order.job, c.req.raw.signal);
      c.header('x-anymodal-job', record.id);
      return answer(c, parts, order, await collectReply(events));
    });
  }

  for (const kind of ['transcriptions', 'translations']) {
    documented(app, { method: 'post', path: `/v1/audio/${kind}`, tag, summary: kind === 'transcriptions' ? 'Write down speech' : 'Write down speech in English', description: 'Refused: no model offered here recognises speech.', body: { schema: transcriptionSchema, form: true }, answers: {}, errors: [404] });
    app.post(`/v1/audio/${kind}`, async (c) => {
      const { value } = await readBody(c, transcriptionSchema);
      const model = parts.engines.resolve(value.model ?? null);
      throw new AnymodalError('unsupported', `model: ${model} has no part that recognises speech. Chat with input_audio tells what is heard in a sound.`, { field: 'model' });
    });
  }

  const voicesQuery = z.object({ model: z.string().optional().openapi({ description: 'The default one if absent.' }) });
  documented(app, { method: 'get', path: '/v1/audio/voices', tag, summary: 'List voices', query: voicesQuery, answers: { 200: { description: 'Voices of a model.', schema: voicesSchema } }, errors: [404] });
  app.get('/v1/audio/voices', async (c) => {
    const { model } = readQuery(c, voicesQuery);
    const properties: unknown = speechOutput(await parts.engines.describe(parts.engines.resolve(model ?? null), c.req.raw.signal)).options['properties'];
    const voices = z.object({ voice: z.object({ enum: z.array(z.string()) }) }).safeParse(properties).data?.voice.enum ?? [];
    return c.json({ object: 'list', data: voices.map((id) => ({ id, object: 'audio.voice', name: id })), voices });
  });
  return app;
};

/** The sound that a job made, as its bytes. */
async function answer(c: Context<AppEnv>, parts: ServerParts, order: SoundOrder, reply: Reply): Promise<Response> {
  for (const warning of reply.warnings) warn(c, warning);
  const { bytes, mediaType } = await soundOf(parts, order, reply, c.req.raw.signal);
  return c.body(new Uint8Array(bytes), 200, { 'Content-Type': mediaType, 'Content-Length': String(bytes.length), 'x-anymodal-seed': String(order.job.request.seed) });
}

async function soundOf({ media, tools }: ServerParts, { output, format }: SoundOrder, { items }: Reply, signal: AbortSignal): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array }> {
  const made = items.find((item) => item.type === 'media' && item.output === output);
  if (made?.type !== 'media') throw new AnymodalError('internal', 'the job ended without a sound');
  return tools.sound(await media.read(made.media), format, signal);
}
