// A ComfyUI server as far as its routes and messages go: its queue, its WebSocket, its files.
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { encodeImage, readProvenance } from '../../media/index.ts';
import type { ComponentSource, DecodeRequest, Media } from '../../src/contracts.ts';
import { comfyui } from '../../remote/comfyui/decoder.ts';
import { guessFields, readWorkflow, type Workflow } from '../../remote/comfyui/workflow.ts';
import { testContext, using } from '../conformance/component.ts';
import { fakeServer, type FakeServer, type FakeSocket } from './fake-server.ts';

/** ComfyUI's own example of text to picture, with a picture to work from. */
const workflow: Workflow = {
  '3': { class_type: 'KSampler', inputs: { cfg: 8, denoise: 1, latent_image: ['5', 0], model: ['4', 0], negative: ['7', 0], positive: ['6', 0], sampler_name: 'euler', scheduler: 'normal', seed: 8566257, steps: 20 } },
  '4': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'sd15.safetensors' } },
  '5': { class_type: 'EmptyLatentImage', inputs: { batch_size: 1, height: 512, width: 512 } },
  '6': { class_type: 'CLIPTextEncode', inputs: { clip: ['4', 1], text: 'masterpiece' } },
  '7': { class_type: 'CLIPTextEncode', inputs: { clip: ['4', 1], text: 'bad hands' } },
  '8': { class_type: 'VAEDecode', inputs: { samples: ['3', 0], vae: ['4', 2] } },
  '9': { class_type: 'SaveImage', inputs: { filename_prefix: 'ComfyUI', images: ['8', 0] } },
};
const fields = { prompt: '6.text', negative: '7.text', seed: '3.seed', steps: '3.steps', guidanceScale: '3.cfg', width: '5.width', height: '5.height' };
const request: DecodeRequest = { conditioning: { characters: { shape: [3], data: Float32Array.of(0x63, 0x61, 0x74) } }, negative: null, references: [], companions: {}, options: {}, provenance: { prompt: 'cat' } };

async function picture(value: number): Promise<Media> {
  return encodeImage({ width: 8, height: 8, pixels: new Uint8Array(192).fill(value) }, { format: 'png', provenance: null, mark: false });
}

interface Comfy {
  readonly server: FakeServer;
  readonly source: ComponentSource;
}

/** What happens once a workflow is queued; without it nothing does. */
async function comfy(run: (tell: (type: string, data?: object) => void, send: FakeSocket['send']) => Promise<void> | void, flow: Workflow = workflow, config: object = { fields }): Promise<Comfy> {
  const sockets: FakeSocket[] = [];
  const server = await fakeServer(
    {
      'GET /system_stats': () => ({ json: { system: { comfyui_version: '0.3.76' } } }),
      'POST /prompt': ({ json }) => {
        const socket = sockets.find(({ query }) => query.get('clientId') === json['client_id']);
        const tell = (type: string, data: object = {}): void => socket?.send({ type, data: { prompt_id: 'p-1', ...data } });
        setImmediate(() => void run(tell, (message) => socket?.send(message)));
        return { json: { prompt_id: 'p-1', number: 1, node_errors: {} } };
      },
      'GET /history/p-1': () => ({ json: { 'p-1': { status: { status_str: 'success' }, outputs: { '9': { images: [{ filename: 'a.png', subfolder: '', type: 'temp' }, { filename: 'b.png', subfolder: 'x y', type: 'output' }] } } } } }),
      'GET /view': async ({ query }) => ({ bytes: (await picture(query.get('filename') === 'b.png' && query.get('subfolder') === 'x y' ? 200 : 0)).bytes }),
      'POST /upload/image': () => ({ json: { name: 'up.png', subfolder: 'in', type: 'input' } }),
      'POST /queue': () => ({ json: {} }),
      'POST /interrupt': () => ({ json: {} }),
    },
    (socket) => void sockets.push(socket),
  );
  const folder = await mkdtemp(join(tmpdir(), 'anymodal-comfy-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'workflow.json');
  await writeFile(path, JSON.stringify(flow));
  return { server, source: { name: 'drawer', device: 'cpu', path: () => path, config: { url: server.url, modality: 'image', retries: 0, ...config } } };
}

async function make({ source }: Comfy, changes: Partial<DecodeRequest> = {}, signal?: AbortSignal, seen: (step: number) => void = () => undefined): Promise<{ media: Media; told: string[] }> {
  return using(comfyui.open(source), async (decoder) => {
    const told: string[] = [];
    for await (const event of decoder.decode({ ...request, ...changes }, testContext(signal))) {
      if (event.type === 'media') return { media: event.media, told };
      told.push(`${event.type} ${event.step}`);
      seen(event.step);
    }
    throw new Error('no medium');
  });
}

describe('a workflow', () => {
  test('its fields are found along its links', () => {
    expect(guessFields(workflow)).toEqual(fields);
    const custom = readWorkflow(JSON.stringify({ prompt: { a: { class_type: 'SamplerCustomAdvanced', inputs: { noise: ['n', 0], guider: ['g', 0], sigmas: ['s', 0], latent_image: ['l', 0] } }, n: { class_type: 'RandomNoise', inputs: { noise_seed: 1 } }, g: { class_type: 'BasicGuider', inputs: { conditioning: ['f', 0] } }, f: { class_type: 'FluxGuidance', inputs: { guidance: 3.5, conditioning: ['t', 0] } }, t: { class_type: 'CLIPTextEncode', inputs: { text: 'x' } }, s: { class_type: 'BasicScheduler', inputs: { steps: 4 } }, l: { class_type: 'EmptySD3LatentImage', inputs: { width: 64, height: 32 } } } }), 'w');
    expect(guessFields(custom)).toEqual({ prompt: 't.text', seed: 'n.noise_seed', steps: 's.steps', width: 'l.width', height: 'l.height' });
  });

  test.each([
    ['{', 'is no JSON'],
    ['{"nodes":[],"links":[]}', 'Export (API)'],
    ['{"1":{"inputs":{}}}', 'node 1'],
    ['{}', 'has no nodes'],
  ])('%s is refused', (text, message) => {
    expect(() => readWorkflow(text, 'w')).toThrow(message);
  });

  test('a field that leads nowhere is a fault of the bundle', async () => {
    const wrong = await comfy(() => undefined, workflow, { fields: { prompt: '60.text' } });
    await expect(comfyui.open(wrong.source)).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('60.text') });
  });
});

describe('a run', () => {
  test('fills the fields, tells steps and previews, takes the file that was saved', async () => {
    const preview = Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 0, 0, 2]), (await picture(90)).bytes]);
    const described = Buffer.concat([Buffer.from([0, 0, 0, 4, 0, 0, 0, 2]), Buffer.from('{}'), (await picture(90)).bytes]);
    const run = await comfy((tell, send) => {
      tell('execution_start');
      tell('progress', { prompt_id: 'another', node: '3', value: 1, max: 2 });
      tell('progress', { node: '3', value: 1, max: 2 });
      send(preview);
      send(Buffer.from([0, 0, 0, 1, 9]));
      tell('progress', { node: '3', value: 2, max: 2 });
      send(described);
      tell('progress', { node: '8', value: 1, max: 9 });
      tell('executing', { node: null });
    });
    const { media, told } = await make(run, { options: { steps: 2, width: 64 } });
    expect(told).toEqual(['progress 1', 'preview 1', 'progress 2', 'preview 2']);
    expect(readProvenance(media)).toEqual({ prompt: 'cat' });
    const sent = run.server.of('POST /prompt')[0]?.json['prompt'];
    expect(sent).toMatchObject({ '6': { inputs: { text: 'cat', clip: ['4', 1] } }, '7': { inputs: { text: 'bad hands' } }, '3': { inputs: { seed: 0, steps: 2, cfg: 8 } }, '5': { inputs: { width: 64, height: 512 } } });
    expect(run.server.of('POST /interrupt')).toEqual([]);
    expect(JSON.parse(await readFile(run.source.path('workflow'), 'utf8'))).toEqual(workflow);
  });

  test('cancel interrupts a run, and takes one that waits out of the queue', async () => {
    for (const runs of [true, false]) {
      const cancel = new AbortController();
      const run = await comfy((tell) => {
        if (runs) tell('progress', { node: '3', value: 1, max: 20 });
        else cancel.abort(new Error('enough'));
      });
      await expect(make(run, {}, cancel.signal, () => cancel.abort(new Error('enough')))).rejects.toThrow('enough');
      expect(run.server.of('POST /queue').map(({ json }) => json)).toEqual([{ delete: ['p-1'] }]);
      expect(run.server.of('POST /interrupt').map(({ json }) => json)).toEqual(runs ? [{ prompt_id: 'p-1' }] : []);
    }
  });

  test('what fails there says which node, and no words of the prompt', async () => {
    const run = await comfy((tell) => tell('execution_error', { node_id: '4', node_type: 'CheckpointLoaderSimple', exception_type: 'FileNotFoundError', exception_message: 'cat' }));
    await expect(make(run)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/FileNotFoundError in node 4 \(CheckpointLoaderSimple\)/) });
  });

  test('the time is bounded, and a run that is too long is stopped', async () => {
    const run = await comfy((tell) => tell('execution_start'), workflow, { fields, timeoutMs: 400 });
    await expect(make(run)).rejects.toMatchObject({ code: 'timeout' });
    expect(run.server.of('POST /interrupt')).toHaveLength(1);
  });

  test('a picture to edit is uploaded and named', async () => {
    const flow = { ...workflow, '20': { class_type: 'LoadImage', inputs: { image: 'example.png' } } };
    const run = await comfy((tell) => tell('execution_success'), flow, { fields: { ...fields, image: '20.image' } });
    await make(run, { references: [{ role: 'edit', media: await picture(1) }] });
    expect(run.server.of('POST /prompt')[0]?.json['prompt']).toMatchObject({ '20': { inputs: { image: 'in/up.png' } } });
    const sha256 = createHash('sha256').update((await picture(1)).bytes).digest('hex');
    expect(run.server.of('POST /upload/image')[0]?.body.toString('latin1')).toContain(`anymodal-${sha256.slice(0, 32)}.png`);
    await expect(make(run)).rejects.toMatchObject({ code: 'bad_input' });
  });
});
