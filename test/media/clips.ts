// Small sounds and pictures in a row for the tests of what is written, and a second process that makes them anew.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Clip, Sound } from '../../media/index.ts';

/** Two bursts of a rising tone with silence between, so that a shift of one sample shows. */
export function sound(samples = 20_001, sampleRateHz = 16_000): Sound {
  const tone = (i: number): number => (Math.floor((i * 8) / samples) % 2 === 0 ? 0.5 * Math.sin((i / sampleRateHz) * 2 * Math.PI * (300 + (i / samples) * 900)) : 0);
  return { samples: Float32Array.from({ length: samples }, (_, i) => tone(i)), sampleRateHz };
}

/** A red disc that runs over a green floor, on white. */
export function clip(frames = 16, width = 64, height = 48, fps = 8): Clip {
  const draw = (k: number): Uint8Array => {
    const pixels = new Uint8Array(width * height * 3).fill(255);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        if (y > height - 10) pixels.set([60, 170, 80], (y * width + x) * 3);
        if (Math.hypot(x - 10 - k * 2, y - 20) < 8) pixels.set([230, 40, 50], (y * width + x) * 3);
      }
    }
    return pixels;
  };
  return { width, height, fps, frames: Array.from({ length: frames }, (_, k) => draw(k)) };
}

/** Ends with the value that `code` prints; `code` sees `media` and this file as `clips`. A process of its own, an environment of its own. */
export async function inAnotherProcess(code: string, { withoutServer = false } = {}): Promise<unknown> {
  const hide = `import { registerHooks } from 'node:module';
    registerHooks({ resolve(name, context, next) {
      if (name === '@mediabunny/server') throw Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' });
      return next(name, context);
    } });`;
  const urls = ['../../media/index.ts', './clips.ts'].map((path) => JSON.stringify(new URL(path, import.meta.url).href));
  const script = `${withoutServer ? hide : ''}
    const media = await import(${urls[0]});
    const clips = await import(${urls[1]});
    ${code}
    await media.closeMedia();`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { env: { TZ: 'Pacific/Auckland' } });
  if (stderr !== '') throw new Error(`the other process said: ${stderr}`);
  const result: unknown = JSON.parse(stdout);
  return result;
}
