// A contender of `run.ts`: transformers.js. Usage: node transformers-js.ts REPOSITORY FOLDER, where FOLDER is where `npm i --prefix FOLDER @huggingface/transformers` put it.

import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { answer } from './contender.ts';

const TOKENS = 32;

const [repository, folder] = process.argv.slice(2).map((path) => resolve(path));
const required = createRequire(join(folder!, 'package.json')).resolve('@huggingface/transformers');
const { AutoModelForCausalLM, Tensor, BaseStreamer } = await import(pathToFileURL(required).href);
const model = await AutoModelForCausalLM.from_pretrained(repository, { dtype: 'q4', device: 'cpu', local_files_only: true, session_options: { intraOpNumThreads: 2 } });

class Clock extends BaseStreamer {
  readonly times: number[] = [];
  put(): void {
    this.times.push(performance.now());
  }
  end(): void {
    this.times.push(performance.now());
  }
}

await answer(async ({ context = 64 }) => {
  const length = context - TOKENS / 2;
  const ids = new Tensor('int64', BigInt64Array.from({ length }, (_, i) => BigInt(1000 + ((i * 37) % 9000))), [1, length]);
  const clock = new Clock();
  await model.generate({ input_ids: ids, attention_mask: new Tensor('int64', new BigInt64Array(length).fill(1n), [1, length]), do_sample: false, min_new_tokens: TOKENS, max_new_tokens: TOKENS, streamer: clock });
  // The prompt, then each token, then the end.
  const times = clock.times.slice(1, 1 + TOKENS);
  return (times.at(-1)! - times[0]!) / (times.length - 1);
});
