import { expect, onTestFinished, test, describe } from 'vitest';
import type { Chain } from '../src/chain.ts';
import type { Decoder, JobEvent, JobRequest, LanguageModel, MediaPart, Message, Wants } from '../src/contracts.ts';
import { createEngine } from '../src/engine/engine.ts';
import type { Bundle } from '../src/bundle/format.ts';
import { generate } from '../src/generate.ts';
import { createRandom } from '../src/runtime/random.ts';
import { collect, contentsOf, fakeBundle, fakeFactories, fakeModality, jobOf, ofType, typesOf, writeFakeBundle } from './engine/fake-bundle.ts';
import { mediaOf } from './engine/fakes.ts';

type Runs = (job: JobRequest) => Promise<JobEvent[]>;

async function engineOf(bundle: Bundle = fakeBundle()): Promise<Runs> {
  const engine = await createEngine({ bundle: await writeFakeBundle(bundle), device: 'cpu', factoryModules: [fakeFactories] });
  onTestFinished(async () => engine.close());
  return async (job) => collect(engine.run(job));
}

const picture = (content: string): MediaPart => ({ type: 'media', media: mediaOf('image', 'image/png', content) });
const smell = (content: string): MediaPart => ({ type: 'media', media: mediaOf('smell', 'application/x-smell', content) });

/** The fake bundle with a modality that nothing in src/ has heard of. */
function smellingBundle(): Bundle {
  const bundle = fakeBundle();
  return {
    ...bundle,
    components: { ...bundle.components, ...fakeModality('smell', 'application/x-smell') },
    inputs: { ...bundle.inputs, smell: { encoder: 'smell-encoder', projector: 'smell-input-projector' } },
    outputs: { ...bundle.outputs, smell: { decoder: 'smell-decoder', sources: { signal: 'smell-output-projector', joint: 'joint-conditioner' }, chat: 'signal' } },
  };
}

const encodings = (events: JobEvent[]): number => ofType(events, 'trace').filter(({ stage }) => stage === 'encoder').length;
const direct = (parts: Parameters<typeof jobOf>[0], changes: Partial<JobRequest> = {}): JobRequest => jobOf(parts, { route: 'direct', outputs: ['image'], ...changes });

describe('chat', () => {
  test('text and media are numbered by their place in the reply, and media come after all text', async () => {
    const run = await engineOf();
    const events = await run(jobOf(['one {image} two three {image} four']));
    expect(ofType(events, 'text-delta').map(({ part, text }) => [part, text])).toEqual([[0, 'one '], [2, 'two '], [2, 'three '], [4, 'four']]);
    expect(ofType(events, 'media-start').map(({ part }) => part)).toEqual([1, 3]);
    expect(typesOf(events).lastIndexOf('text-delta')).toBeLessThan(typesOf(events).indexOf('media-start'));
  });

  test('the first medium draws from the seed, later ones from forks', async () => {
    const run = await engineOf();
    const [first, second] = contentsOf(await run(jobOf(['{image} {image}'])));
    expect(first?.['noise']).toEqual([...createRandom(7).normal(4)]);
    expect(second?.['noise']).toEqual([...createRandom(7).fork('image/1').normal(4)]);
    const [alone] = contentsOf(await run(jobOf(['{image} {image}'], { outputs: ['image'] })));
    expect(alone).toEqual(first);
  });

  test('text sampling draws from its own fork', async () => {
    const run = await engineOf();
    const events = await run(jobOf(['dice']));
    expect(ofType(events, 'text-delta')[0]?.text).toBe(String(createRandom(7).fork('text').uniform(1)[0]));
  });

  test('without a list the model decides; listed outputs are required and others forbidden', async () => {
    const run = await engineOf(smellingBundle());
    expect(ofType(await run(jobOf(['hi'])), 'media-end')).toEqual([]);
    expect(ofType(await run(jobOf(['hi {smell}'], { outputs: ['image'] })), 'media-end').map(({ output }) => output)).toEqual(['image']);
    expect(typesOf(await run(jobOf(['hi'], { outputs: ['image'] })))).not.toContain('text-delta');
    expect(ofType(await run(jobOf(['hi'], { outputs: ['smell', 'image'] })), 'media-end').map(({ output, part }) => [output, part])).toEqual([['smell', 0], ['image', 1]]);
    expect(ofType(await run(jobOf(['hi {image}'], { outputs: ['text'] })), 'media-end')).toEqual([]);
  });

  test.each([
    [null, { text: 'allowed', image: 'allowed', video: 'forbidden' }],
    [['text'], { text: 'required', image: 'forbidden', video: 'forbidden' }],
    [['image'], { image: 'required', text: 'forbidden', video: 'forbidden' }],
    [['image', 'text'], { image: 'required', text: 'required', video: 'forbidden' }],
    [['text', 'image'], { text: 'required', image: 'required', video: 'forbidden' }],
  ] as const)('the model is told what is wanted, text too, in its order: %s', async (outputs, wants) => {
    const seen: Wants[] = [];
    const model: LanguageModel = {
      options: {},
      outputs: ['image', 'video'],
      async *generate(request) {
        seen.push(request.wants);
        yield { type: 'end', reason: 'stop', usage: { inputTokens: 0, outputTokens: 0 } };
      },
      async dispose() {
        // Holds nothing.
      },
    };
    const decoder: Decoder = { modality: 'image', options: {}, references: [], negative: false, decode: () => { throw new Error('not asked for'); }, dispose: async () => model.dispose() };
    const chain: Chain = { bundle: { id: 'fake', version: '1' }, inputs: new Map(), languageModel: { name: 'model', component: model }, outputs: new Map([['image', { decoder: { name: 'decoder', component: decoder }, sources: {}, chat: 'signal' }]]), groups: [], encodings: new Map() };
    await collect(generate(chain, { ...jobOf(['hi']), route: 'chat', outputs }, 0, new AbortController().signal));
    expect(seen.map((each) => Object.entries(each))).toEqual([Object.entries(wants)]);
  });

  test('an output that the model knows and the bundle lacks is forbidden', async () => {
    const run = await engineOf();
    expect(typesOf(await run(jobOf(['{video} hi'])))).toEqual(['job-queued', 'job-start', 'text-delta', 'job-end']);
  });

  test('references are ordinals of all media in the conversation, made ones too', async () => {
    const run = await engineOf();
    const messages: Message[] = [
      { role: 'user', parts: [picture('cat'), { type: 'text', text: 'a cat' }] },
      { role: 'assistant', parts: [{ type: 'text', text: 'and a dog' }, picture('dog')] },
      { role: 'user', parts: [{ type: 'text', text: 'change it {image:2}' }] },
    ];
    const events = await run(jobOf([], { messages }));
    expect(contentsOf(events)[0]?.['references']).toEqual(['edit dog']);
    expect(ofType(events, 'media-start')[0]?.references).toEqual([2]);
  });

  test('a medium of another modality is followed, where the decoder can', async () => {
    const run = await engineOf(smellingBundle());
    expect(contentsOf(await run(jobOf([picture('rose'), '{smell:1}'])))[0]?.['references']).toEqual(['follow rose']);
    const events = await run(jobOf([smell('rose'), '{image:1}']));
    expect(contentsOf(events)[0]?.['references']).toEqual([]);
    expect(ofType(events, 'job-warning')).toMatchObject([{ code: 'reference_ignored', message: 'image: medium 1 (smell) is not used; this decoder takes edit, mask' }]);
  });

  test('a mask goes with the edit, and makes the latest picture the edited one', async () => {
    const run = await engineOf();
    const mask = mediaOf('image', 'image/png', 'mask');
    expect(contentsOf(await run(jobOf([picture('cat'), picture('dog'), '{image:1}'], { mask })))[0]?.['references']).toEqual(['edit cat', 'mask mask']);
    expect(contentsOf(await run(jobOf([picture('cat'), picture('dog'), '{image}'], { mask })))[0]?.['references']).toEqual(['edit dog', 'mask mask']);
    const events = await run(jobOf(['{image}'], { mask }));
    expect(ofType(events, 'job-warning')).toMatchObject([{ code: 'mask_ignored' }]);
  });

  test('a caption goes through the projector of prompts', async () => {
    const bundle = fakeBundle();
    const { signal: _, ...sources } = bundle.outputs['image']?.sources ?? {};
    const { 'image-output-projector': _unused, ...components } = bundle.components;
    const run = await engineOf({ ...bundle, components, outputs: { image: { decoder: 'image-decoder', sources, chat: 'caption' } } });
    expect(contentsOf(await run(jobOf(['{image} cat'])))[0]?.['feature']).toBe('{image} cat'.length);
  });

  test('a medium is encoded once', async () => {
    const run = await engineOf();
    expect(encodings(await run(jobOf([picture('cat'), 'hi'])))).toBe(1);
    expect(encodings(await run(jobOf([picture('cat'), 'hi'])))).toBe(0);
  });

  test('traces tell every stage with its shapes', async () => {
    const run = await engineOf();
    const traces = ofType(await run(jobOf([picture('cat'), '{image}'])), 'trace');
    expect(traces.map(({ stage, component, shapes }) => [stage, component, shapes])).toEqual([
      ['encoder', 'image-encoder', { tokens: [2, 8], joint: [8] }],
      ['input-projector', 'image-input-projector', { embeds: [2, 6] }],
      ['signal', 'language-model', { hidden: [2, 6], embedded: [2, 6] }],
      ['language-model', 'language-model', {}],
      ['output-projector', 'image-output-projector', { feature: [4] }],
      ['decoder', 'image-decoder', { feature: [4] }],
    ]);
  });

  test('a reply that reaches its limit says so', async () => {
    const run = await engineOf();
    expect(ofType(await run(jobOf(['one two three'], { options: { text: { maxTokens: 2 } } })), 'job-warning')).toMatchObject([{ code: 'reply_cut' }]);
  });
});

describe('direct', () => {
  test('the prompt is the source', async () => {
    const run = await engineOf();
    const events = await run(direct(['a cat']));
    expect(typesOf(events)).toEqual(['job-queued', 'job-start', 'media-start', 'media-progress', 'media-progress', 'media-progress', 'media-end', 'job-end']);
    expect(contentsOf(events)[0]).toMatchObject({ feature: 5, negative: null, references: [] });
  });

  test('without a prompt the joint embedding of the first medium is the source', async () => {
    const run = await engineOf(smellingBundle());
    const [content] = contentsOf(await run(direct([smell('rose')])));
    expect(content?.['feature']).toBeLessThan(1);
    expect(content?.['references']).toEqual([]);
  });

  test('the first picture is edited; others are not used, with a warning', async () => {
    const run = await engineOf();
    const events = await run(direct([picture('cat'), 'green', picture('dog')]));
    expect(contentsOf(events)[0]?.['references']).toEqual(['edit cat']);
    expect(ofType(events, 'job-warning')).toMatchObject([{ code: 'reference_ignored' }]);
  });

  test('an output without a projector of prompts is made from the joint embedding of the text', async () => {
    const run = await engineOf(smellingBundle());
    const [content] = contentsOf(await run(direct(['rose'], { outputs: ['smell'] })));
    expect(content?.['feature']).toBeLessThan(1);
  });

  test('asking for more changes nothing of what was asked before', async () => {
    const run = await engineOf(smellingBundle());
    const [alone] = ofType(await run(direct(['rose'])), 'media-end');
    const more = ofType(await run(direct(['rose'], { outputs: ['smell', 'image', 'image'], count: 2 })), 'media-end');
    expect(more.find(({ output, variant }) => output === 'image' && variant === 0)?.media).toEqual(alone?.media);
    expect(more.map(({ variant, output, part, seed }) => [variant, output, part, seed])).toEqual([
      [0, 'smell', 0, 7], [0, 'image', 1, 7], [0, 'image', 2, 7], [1, 'smell', 0, 8], [1, 'image', 1, 8], [1, 'image', 2, 8],
    ]);
  });

  test('a mix is a weighted sum of joint embeddings', async () => {
    const run = await engineOf();
    const feature = async (mix: JobRequest['mix']): Promise<unknown> => contentsOf(await run(direct([], { mix })))[0]?.['feature'];
    const cat = { type: 'text', text: 'cat' } as const;
    const alone = await feature([{ weight: 1, part: cat }]);
    expect(await feature([{ weight: 3, part: cat }])).toBeCloseTo(Number(alone), 6);
    expect(await feature([{ weight: 1, part: cat }, { weight: 1, part: picture('dog') }])).not.toBeCloseTo(Number(alone), 3);
    const events = await run(direct([], { mix: [{ weight: 1, part: cat }, { weight: -1, part: cat }] }));
    expect(events.at(-1)).toMatchObject({ type: 'job-error', code: 'bad_input' });
  });

  test('a negative prompt goes through the projector of prompts', async () => {
    const run = await engineOf();
    expect(contentsOf(await run(direct(['a cat'], { negativePrompt: 'blurred' })))[0]?.['negative']).toBe(7);
  });
});

describe('what is refused before a job is queued', () => {
  test.each([
    ['unknown output', { outputs: ['odour'] }, 'unknown_output', 'output "odour": bundle fake has text, image'],
    ['no output', { outputs: [] }, 'bad_input', 'outputs: got none'],
    ['output twice', { outputs: ['image', 'image'] }, 'bad_input', '"image" is named twice'],
    ['direct without outputs', { route: 'direct' }, 'bad_input', 'name one of image'],
    ['direct text', { route: 'direct', outputs: ['text'] }, 'unsupported', 'text comes from the language model'],
    ['unknown option', { options: { image: { colour: 1 } } }, 'bad_option', 'image.colour: unknown; known are steps, preview, accident'],
    ['options of nothing', { options: { odour: {} } }, 'unknown_output', 'options.odour: no such output in bundle fake; it has image, text'],
    ['two faults at once', { options: { image: { steps: 0 }, text: { shout: 1 } } }, 'bad_option', 'image.steps: got 0, expected an integer from 1 to 1000\ntext.shout: got 1, expected a boolean'],
    ['negative seed', { seed: -1 }, 'bad_option', 'seed: got -1'],
    ['seed that overflows', { seed: Number.MAX_SAFE_INTEGER, count: 2 }, 'bad_option', 'for 2 variants'],
    ['no count', { count: 0 }, 'bad_option', 'count: got 0'],
    ['nothing to say', { messages: [{ role: 'user', parts: [{ type: 'text', text: ' ' }] }] }, 'bad_input', 'nothing to work from'],
    ['a text without end', { messages: [{ role: 'user', parts: [{ type: 'text', text: 'a'.repeat(1_000_001) }] }] }, 'bad_input', 'got a text of 1000001 characters, at most 1000000'],
    ['the last word not the user\'s', { messages: [{ role: 'assistant', parts: [{ type: 'text', text: 'hi' }] }] }, 'bad_input', 'the last one must be the user\'s'],
    ['unknown modality', { messages: [{ role: 'user', parts: [smell('rose')] }] }, 'unsupported', 'smell: bundle fake cannot read smell; it can read image'],
    ['unknown media type', { messages: [{ role: 'user', parts: [{ type: 'media', media: mediaOf('image', 'image/gif', 'x') }] }] }, 'bad_media', 'image: got image/gif, expected one of image/png'],
    ['mix on chat', { mix: [{ weight: 1, part: picture('x') }] }, 'unsupported', 'mix: is for the direct route'],
  ] as const)('%s', async (_, changes, code, message) => {
    const run = await engineOf();
    // Plain data from outside the type system, as a server gets it.
    const request: JobRequest = { ...jobOf(['hi']), ...changes };
    expect(await run(request)).toMatchObject([{ type: 'job-error', code, message: expect.stringContaining(message) }]);
  });

  test('a mask or a negative prompt that no decoder takes', async () => {
    const run = await engineOf(smellingBundle());
    expect(await run(jobOf(['hi'], { outputs: ['smell'], negativePrompt: 'bad' }))).toMatchObject([{ code: 'unsupported', message: 'negativePrompt: smell takes none; leave it out' }]);
    expect(await run(jobOf(['hi'], { outputs: ['smell'], mask: mediaOf('image', 'image/png', 'mask') }))).toMatchObject([{ code: 'unsupported', message: 'mask: smell takes none; leave it out' }]);
  });
});

describe('provenance', () => {
  test('holds only what determines the medium', async () => {
    const run = await engineOf();
    const [content] = contentsOf(await run(jobOf([picture('cat'), 'a cat'], { route: 'direct', outputs: ['image'], seed: 5, negativePrompt: 'dog' })));
    expect(content?.['provenance']).toEqual({
      prompt: 'a cat', negativePrompt: 'dog', seed: 5, bundle: 'fake', bundleVersion: '1.2.3', route: 'direct',
      reference1: `edit ${mediaOf('image', 'image/png', 'cat').id}`, steps: 3, accident: 'none',
    });
  });

  test('is left out when metadata are not wanted', async () => {
    const run = await engineOf();
    expect(contentsOf(await run(jobOf(['{image}'], { metadata: false })))[0]?.['provenance']).toBeNull();
  });
});
