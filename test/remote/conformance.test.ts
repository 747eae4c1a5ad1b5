// Decoders elsewhere that work by runs and jobs keep the contract of decoders too: a ComfyUI workflow and a video server as far as their
// routes go, answering by what they were asked, and another server of anymodal as it is.
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { encodeImage } from '../../media/index.ts';
import { Client } from '../../src/client/index.ts';
import type { Media } from '../../src/contracts.ts';
import { anymodalDecoder } from '../../remote/anymodal/decoder.ts';
import { comfyui } from '../../remote/comfyui/decoder.ts';
import { openaiVideo } from '../../remote/openai/video.ts';
import { describeDecoder } from '../conformance/decoder.ts';
import { picture } from '../decoders/image/tiny.ts';
import { clip } from '../decoders/video/tiny.ts';
import { startServer, type RealServer } from '../real-server.ts';
import { startFake, type FakeServer, type FakeSocket } from './fake-server.ts';

const nowhere = 'http://127.0.0.1:9';
const comfyConfig = { url: nowhere, modality: 'image', retries: 0, fields: { prompt: '6.text', negative: '7.text', seed: '3.seed', steps: '3.steps' } };
const videoConfig = { url: nowhere, model: 'm', retries: 0, pollMs: 10 };
const jobConfig: { url: string; output: string; [key: string]: unknown } = { url: nowhere, output: 'image', modality: 'image', negative: true, references: ['edit', 'mask'], retries: 0 };
const tiny = fileURLToPath(new URL('../fixtures/tiny', import.meta.url));

let comfy: FakeServer;
let films: FakeServer;
let other: RealServer;

/** Three bytes that come from all that was asked. */
function colourOf(asked: string): readonly [number, number, number] {
  const [r = 0, g = 0, b = 0] = createHash('sha256').update(asked).digest();
  return [r, g, b];
}

/** ComfyUI's queue: each run takes two steps and saves a picture whose colour is its workflow's. */
async function startComfy(): Promise<FakeServer> {
  const sockets: FakeSocket[] = [];
  const runs: string[] = [];
  const routes: Parameters<typeof startFake>[0] = {
    'GET /system_stats': () => ({ json: { system: {} } }),
    'POST /prompt': ({ json }) => {
      const socket = sockets.find(({ query }) => query.get('clientId') === json['client_id']);
      const id = `run-${runs.push(JSON.stringify(json['prompt'])) - 1}`;
      Object.assign(routes, { [`GET /history/${id}`]: () => ({ json: { [id]: { status: { status_str: 'success' }, outputs: { '9': { images: [{ filename: `${id}.png`, subfolder: '', type: 'output' }] } } } } }) });
      setImmediate(() => {
        for (const value of [1, 2]) socket?.send({ type: 'progress', data: { prompt_id: id, node: '3', value, max: 2 } });
        socket?.send({ type: 'executing', data: { prompt_id: id, node: null } });
      });
      return { json: { prompt_id: id, number: 1, node_errors: {} } };
    },
    'GET /view': async ({ query }) => {
      const colour = colourOf(runs[Number(/\d+/.exec(query.get('filename') ?? '')?.[0])] ?? '');
      const image = { width: 8, height: 8, pixels: Uint8Array.from({ length: 192 }, (_, index) => colour[index % 3] ?? 0) };
      return { bytes: (await encodeImage(image, { format: 'png', provenance: null, mark: false })).bytes };
    },
    'POST /queue': () => ({ json: {} }),
    'POST /interrupt': () => ({ json: {} }),
  };
  return startFake(routes, (socket) => void sockets.push(socket));
}

/** OpenAI's routes for videos: done at the first question, in the colour of all fields of the form. */
async function startFilms(): Promise<FakeServer> {
  const asked: string[] = [];
  const made = new Map<string, Promise<Media>>();
  const routes: Parameters<typeof startFake>[0] = {
    'GET /v1/models': () => ({ json: { data: [{ id: 'm' }] } }),
    'POST /v1/videos': async ({ body, headers }) => {
      const form = await new Response(new Uint8Array(body), { headers: { 'Content-Type': headers['content-type'] ?? '' } }).formData();
      const index = asked.push(JSON.stringify([...form])) - 1;
      const id = `video-${index}`;
      Object.assign(routes, {
        [`GET /v1/videos/${id}`]: () => ({ json: { id, status: 'completed', progress: 0 } }),
        [`GET /v1/videos/${id}/content`]: async () => {
          const what = asked[index] ?? '';
          const [r, g, b] = colourOf(what);
          // What is asked for again is made once.
          made.set(what, made.get(what) ?? clip(2, 8, (_x, _y, time) => (time < 0.5 ? [r, g, b] : [b, r, g]), 'mp4', 64));
          return { bytes: (await made.get(what))?.bytes ?? new Uint8Array() };
        },
        [`POST /v1/videos/${id}/cancel`]: () => ({ json: {} }),
      });
      return { json: { id, status: 'queued', progress: 0 } };
    },
  };
  return startFake(routes);
}

beforeAll(async () => {
  [comfy, films, other] = await Promise.all([startComfy(), startFilms(), startServer('--model', tiny, '--set', 'limits.requestsPerMinute=0')]);
  comfyConfig.url = comfy.url;
  videoConfig.url = films.url;
  jobConfig.url = other.address;
  // As `anymodal connect` writes it.
  const model = await new Client({ baseUrl: other.address }).model('tiny');
  jobConfig['options'] = model.outputs.find(({ name }) => name === 'image')?.options;
}, 120_000);
afterAll(async () => {
  await Promise.all([comfy.close(), films.close(), other.stop()]);
}, 60_000);

describeDecoder(comfyui, { config: comfyConfig, files: { workflow: 'comfyui/workflow.json' }, options: {} });
describeDecoder(openaiVideo, { config: videoConfig, files: {}, options: {} });
describeDecoder(anymodalDecoder, { config: jobConfig, files: {}, options: { steps: 4 }, edited: async () => picture(128, 128, (x, y) => [Math.round(255 * x), Math.round(255 * y), 40]) });
