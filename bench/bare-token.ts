// A language model's graph without anything of ours around it: one token after a number of cached positions. Knows the graph's ports; no tokenizer.

import type { ComponentSource } from '../src/contracts.ts';
import { KeyValueCache } from '../src/language-model/key-value-cache.ts';
import { createRandom } from '../src/runtime/random.ts';
import { loadRuntime, openSession, sessionOptions } from '../src/runtime/sessions.ts';

/** Opens the graph of a `causal-lm` component once more; `run` gives logits and new slices for random numbers after `length` positions. */
export async function bareToken(source: ComponentSource, length: number): Promise<{ run: () => Promise<unknown>; release: () => Promise<void> }> {
  const { InferenceSession, Tensor } = await loadRuntime();
  const size = (key: string): number => Number(Object.entries(source.config).find(([each]) => each === key)?.[1]);
  const sizes = { layers: size('layers'), kvHeads: size('kvHeads'), headDim: size('headDim') };
  const slices = Array.from({ length: sizes.layers }, (_, layer) => [`new_key.${layer}`, `new_value.${layer}`]).flat();
  const handle = await openSession(source.path('model'), { device: 'cpu' });
  const cache = new KeyValueCache(sizes, handle.inputs);
  await handle.release();
  const values = { shape: [], data: createRandom(0).normal(length * sizes.kvHeads * sizes.headDim) };
  cache.append(Object.fromEntries(slices.map((slice) => [slice, values])), length);
  const session = await InferenceSession.create(source.path('model'), sessionOptions('cpu', false));
  const feeds = {
    inputs_embeds: new Tensor('float32', createRandom(1).normal(size('modelWidth')).map((value) => value / 10), [1, 1, size('modelWidth')]),
    position_ids: new Tensor('int64', BigInt64Array.of(BigInt(length)), [1]),
    ...Object.fromEntries(Object.entries(cache.feeds()).map(([port, { shape, data }]) => [port, new Tensor('float32', Float32Array.from(data, Number), shape)])),
  };
  return { run: async () => session.run(feeds, ['logits', ...slices]), release: async () => session.release() };
}
