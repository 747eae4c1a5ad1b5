// A server without a wire, to be killed: opens the folder, submits jobs, answers them slowly, and tells its parent what was accepted.
// Run by data-folder.test.ts and crash.test.ts in a process of its own.

import { setTimeout } from 'node:timers/promises';
import { openDataFolder } from '../../src/queue/data-folder.ts';
import { createQueue } from '../../src/queue/queue.ts';
import { enginesOf, FakeEngine, medium, newJob } from './scripted.ts';

const [, , path = '', mode = 'hold', round = '0', count = '0'] = process.argv;
const tell = (message: unknown): void => void process.send?.(message);
// Its parent may end without a word.
process.on('disconnect', () => process.exit(0));

const folder = await openDataFolder(path);
if (mode === 'hold') {
  tell({ type: 'open' });
  await setTimeout(60_000);
}
const engine = new FakeEngine();
engine.auto = (job) => {
  void (async () => {
    for (let step = 1; step <= 4; step += 1) {
      await setTimeout(mode === 'finish' ? 0 : 5);
      job.say({ type: 'media-progress', variant: 0, part: 0, step, steps: 4 }, { type: 'media-preview', variant: 0, part: 0, step, media: medium(`blur ${step} of ${job.request.id}`) });
    }
    // What it makes depends on the request alone, as with a seed.
    job.say({ type: 'media-end', variant: 0, part: 0, output: 'image', modality: 'image', mediaType: 'image/png', seed: 7, media: medium(`made for ${job.request.id} `.repeat(2000)) });
    job.end();
  })();
};
const queue = await createQueue({ log: folder.jobs, media: folder.media, engines: enginesOf(engine) });
tell({ type: 'ready' });
if (mode === 'finish') {
  for (;;) {
    const { queued, running } = queue.state();
    if (queued + running === 0) break;
    await setTimeout(5);
  }
  await queue.close();
  await folder.close();
  tell({ type: 'finished' });
  process.disconnect();
} else {
  for (let index = 0; index < Number(count); index += 1) {
    const id = `job_${round}_${index}`;
    await queue.submit(newJob(id, { detached: index % 4 !== 3, owner: `owner ${index % 3}`, of: { mask: medium(`mask of ${id} `.repeat(500)) } }));
    tell({ type: 'accepted', id, detached: index % 4 !== 3 });
  }
}
