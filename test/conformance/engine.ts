// What every engine must do, whether in this process or in a child. Run with each implementation by engine.test.ts.

import { describe, expect, onTestFinished, test } from 'vitest';
import type { Engine, JobEvent } from '../../src/contracts.ts';
import type { EngineOptions } from '../../src/engine/options.ts';
import { fakeBundle, fakeFactories, collect, contentsOf, jobOf, ofType, typesOf, writeFakeBundle } from '../engine/fake-bundle.ts';
import { mediaOf, openFakeCount } from '../engine/fakes.ts';

export type OpenEngine = (options: EngineOptions) => Promise<Engine>;

const terminal = ['job-end', 'job-abort', 'job-error'];

export function testEngine(name: string, open: OpenEngine): void {
  const openFake = async (bundle: unknown = fakeBundle()): Promise<Engine> => {
    const engine = await open({ bundle: await writeFakeBundle(bundle), device: 'cpu', factoryModules: [fakeFactories] });
    onTestFinished(async () => {
      await engine.close();
      expect(openFakeCount()).toBe(0);
    });
    return engine;
  };

  describe(name, () => {
    test('describes its bundle', async () => {
      expect(await (await openFake()).describe()).toMatchObject({
        bundle: 'fake', version: '1.2.3', licence: 'Apache-2.0', device: 'cpu', deviceNote: null,
        inputs: [{ modality: 'text', mediaTypes: ['text/plain'], joint: true, chat: false }, { modality: 'image', mediaTypes: ['image/png'], joint: true, chat: true }],
        outputs: [{ name: 'image', modality: 'image', sources: ['signal', 'prompt', 'joint'], references: ['edit', 'mask'], negative: true }],
      });
    });

    test('opening a faulty bundle throws', async () => {
      await expect(open({ bundle: await writeFakeBundle({ format: 2 }), device: 'cpu', factoryModules: [fakeFactories] })).rejects.toMatchObject({ code: 'bundle_invalid' });
      await expect(open({ bundle: 'nowhere', device: 'cpu', factoryModules: [fakeFactories] })).rejects.toMatchObject({ code: 'unknown_model' });
    });

    test('a job: events in order, exactly one terminal event, last', async () => {
      const engine = await openFake();
      const events = await collect(engine.run(jobOf(['Here you are {image} bye'], { options: { image: { steps: 2, preview: true } } })));
      expect(typesOf(events)).toEqual([
        'job-queued', 'job-start', 'text-delta', 'text-delta', 'text-delta', 'text-delta',
        'media-start', 'media-progress', 'media-preview', 'media-progress', 'media-preview', 'media-end', 'job-end',
      ]);
      expect(ofType(events, 'job-start')).toMatchObject([{ bundle: 'fake', device: 'cpu', seed: 7, count: 1 }]);
      expect(ofType(events, 'text-delta').map(({ part, text }) => `${part} ${text}`)).toEqual(['0 Here ', '0 you ', '0 are ', '2 bye']);
      expect(ofType(events, 'media-end')).toMatchObject([{ part: 1, variant: 0, output: 'image', modality: 'image', mediaType: 'image/png', seed: 7 }]);
      expect(ofType(events, 'media-end')[0]?.media.bytes).toBeInstanceOf(Uint8Array);
      expect(ofType(events, 'job-end')).toMatchObject([{ usage: { inputTokens: 5, outputTokens: 5 } }]);
      expect(events.every((event) => event.job === 'job-1' && event.attempt === 1)).toBe(true);
    });

    test('the same job again gives the same bytes', async () => {
      const engine = await openFake();
      const job = jobOf(['{image} dice']);
      const [first, second] = [await collect(engine.run(job)), await collect(engine.run(job))];
      expect(ofType(second, 'media-end')[0]?.media.id).toBe(ofType(first, 'media-end')[0]?.media.id);
      expect(ofType(second, 'text-delta')).toEqual(ofType(first, 'text-delta'));
    });

    test('a check says what a run would, and runs nothing', async () => {
      const engine = await openFake();
      await expect(engine.check(jobOf(['draw'], { outputs: ['nothing'] }))).rejects.toMatchObject({ code: 'unknown_output' });
      await expect(engine.check(jobOf(['draw']))).resolves.toBeUndefined();
    });

    test('embeddings', async () => {
      const engine = await openFake();
      const inputs = [{ type: 'text', text: 'apple' }, { type: 'media', media: mediaOf('image', 'image/png', 'apple') }] as const;
      const events = await collect(engine.embed({ id: 'embed-1', inputs }));
      expect(typesOf(events)).toEqual(['job-queued', 'job-start', 'embedding', 'embedding', 'job-end']);
      const [text, picture] = ofType(events, 'embedding');
      expect(text).toMatchObject({ input: 0, modality: 'text' });
      expect(Math.hypot(...(text?.embedding ?? []))).toBeCloseTo(1, 5);
      expect(picture?.embedding).toEqual(text?.embedding);
    });

    test('faults of a request come before it is queued, as the only event', async () => {
      const engine = await openFake();
      const events = await collect(engine.run(jobOf(['hi'], { options: { image: { steps: 0 } } })));
      expect(events).toEqual([{ type: 'job-error', code: 'bad_option', message: 'image.steps: got 0, expected an integer from 1 to 1000', job: 'job-1', attempt: 1 }]);
      const broken = { type: 'media', media: { ...mediaOf('image', 'image/png', 'broken'), name: 'cat.png' } } as const;
      expect(await collect(engine.run(jobOf(['hi', broken])))).toMatchObject([{ type: 'job-error', code: 'bad_media', message: 'cat.png: cannot be read' }]);
      expect(await collect(engine.embed({ id: 'embed-1', inputs: [] }))).toMatchObject([{ type: 'job-error', code: 'bad_input', job: 'embed-1' }]);
    });

    test('a mask that does not fit is a fault of the request where the request says what it belongs to', async () => {
      const engine = await openFake();
      const mask = mediaOf('image', 'image/png', 'misfit');
      const picture = { type: 'media', media: mediaOf('image', 'image/png', 'cat') } as const;
      const other = { type: 'media', media: mediaOf('image', 'image/png', 'dog') } as const;
      const misfit = [{ type: 'job-error', code: 'bad_input', message: 'mask: does not fit', job: 'job-1', attempt: 1 }];
      expect(await collect(engine.run(jobOf([picture, 'a hat {image}'], { mask })))).toEqual(misfit);
      expect(await collect(engine.run(jobOf([picture, other, 'a hat'], { mask, route: 'direct', outputs: ['image'] })))).toEqual(misfit);
      // Which of two is edited is the language model's choice.
      expect(typesOf(await collect(engine.run(jobOf([picture, other, 'a hat'], { mask }))))[0]).toBe('job-queued');
    });

    test('an error of a component ends its job alone', async () => {
      const engine = await openFake();
      const events = await collect(engine.run(jobOf(['{image}'], { options: { image: { accident: 'error' } } })));
      expect(events.at(-1)).toMatchObject({ type: 'job-error', code: 'internal', message: 'the decoder broke' });
      expect(typesOf(await collect(engine.run(jobOf(['hi']))))).toEqual(['job-queued', 'job-start', 'text-delta', 'job-end']);
    });

    test.each([
      ['before it starts', null],
      ['before a token', 'text-delta'],
      ['before a step', 'media-progress'],
    ])('cancel %s', async (_, at) => {
      const engine = await openFake();
      const cancel = new AbortController();
      if (at === null) cancel.abort('no more');
      const events: JobEvent[] = [];
      for await (const event of engine.run(jobOf([`${'word '.repeat(20)}{image}`], { options: { image: { accident: 'endless' } } }), cancel.signal)) {
        events.push(event);
        if (event.type === at) cancel.abort('no more');
      }
      expect(events.at(-1)).toEqual({ type: 'job-abort', reason: 'no more', job: 'job-1', attempt: 1 });
      expect(events.filter((event) => terminal.includes(event.type))).toHaveLength(1);
      expect(typesOf(await collect(engine.run(jobOf(['hi'])))).at(-1)).toBe('job-end');
    });

    test('leaving the loop cancels, and the next job runs', async () => {
      const engine = await openFake();
      for await (const event of engine.run(jobOf(['{image}'], { options: { image: { accident: 'endless' } } }))) if (event.type === 'media-progress') break;
      expect(typesOf(await collect(engine.run(jobOf(['hi']))))).toEqual(['job-queued', 'job-start', 'text-delta', 'job-end']);
    });

    test('a job is told how many were there before it', async () => {
      const engine = await openFake();
      const positions = await Promise.all(['a', 'b', 'c'].map(async (id) => ofType(await collect(engine.run(jobOf(['hi'], { id }))), 'job-queued').map(({ position }) => position)));
      expect(positions).toEqual([[0], [1], [2]]);
    });

    test('several jobs take turns', async () => {
      const engine = await openFake();
      const order: string[] = [];
      const run = async (id: string): Promise<void> => {
        for await (const event of engine.run(jobOf(['{image}'], { id, options: { image: { steps: 6 } } }))) if (event.type === 'media-progress') order.push(id);
      };
      await Promise.all([run('a'), run('b')]);
      expect(order.toSorted()).toEqual([...Array<string>(6).fill('a'), ...Array<string>(6).fill('b')]);
      // Neither job waits for the whole of the other.
      expect(order.indexOf('b')).toBeLessThan(order.lastIndexOf('a'));
      expect(order.indexOf('a')).toBeLessThan(order.lastIndexOf('b'));
    });

    test('variant i of n is the job at seed + i', async () => {
      const engine = await openFake();
      const four = contentsOf(await collect(engine.run(jobOf(['{image}'], { count: 4 }))));
      const third = contentsOf(await collect(engine.run(jobOf(['{image}'], { seed: 9 }))));
      expect(four).toHaveLength(4);
      expect(four[2]).toEqual(third[0]);
    });

    test('close ends jobs under way with job-abort, and can be repeated', async () => {
      const engine = await openFake();
      const events: JobEvent[] = [];
      for await (const event of engine.run(jobOf(['{image}'], { options: { image: { accident: 'endless' } } }))) {
        events.push(event);
        if (event.type === 'media-start') void engine.close();
      }
      expect(events.at(-1)).toMatchObject({ type: 'job-abort', reason: 'the engine was closed' });
      await engine.close();
      expect(await collect(engine.run(jobOf(['hi'])))).toMatchObject([{ type: 'job-abort', reason: 'the engine was closed' }]);
    });
  });
}
