// The decoding process is limited, killed and replaced, and a lost one costs one picture.
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { decodeImageWith } from '../../media/decode-image.ts';
import { createDecoder, defaultDecoderLimits } from '../../media/decoder.ts';
import type { Decoder, DecoderLimits } from '../../media/decoder.ts';
import { closeMedia, decodeImage, mediaFromBytes } from '../../media/index.ts';
import { pixelAt, red, solid, white } from './pictures.ts';

const size = { width: 4, height: 4, fit: 'fill', background: white } as const;
const small = await solid(red, 8, 8).png().toBuffer();
/** Takes far longer to decode than a message takes to arrive. */
const large = await solid(red, 7900, 7900).png().toBuffer();

const open: Decoder[] = [];
function decoderWith(limits: Partial<DecoderLimits> = {}) {
  const decoder = createDecoder({ ...defaultDecoderLimits, ...limits });
  open.push(decoder);
  const decode = async (bytes: Uint8Array, signal?: AbortSignal) =>
    decodeImageWith({ decoder, limits: { ...defaultDecoderLimits, ...limits } }, await mediaFromBytes(bytes, 'apple.png'), size, signal);
  return { decoder, decode };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

afterEach(async () => {
  for (const decoder of open.splice(0)) await decoder.close();
});
afterAll(closeMedia);

describe('the decoding process', () => {
  test('stays for the next picture and keeps the order of requests', async () => {
    const { decoder, decode } = decoderWith();
    const order: number[] = [];
    await Promise.all([0, 1, 2, 3].map(async (i) => { await decode(small); order.push(i); }));
    const pid = decoder.pid;
    await decode(small);
    expect(decoder.pid).toBe(pid);
    expect(order).toEqual([0, 1, 2, 3]);
  });

  test('killed in the middle of a picture costs that picture alone', async () => {
    const { decoder, decode } = decoderWith();
    await decode(small);
    const first = decode(large);
    const lost = expect(first).rejects.toThrow('"apple.png" ended the decoding process');
    const next = decode(small);
    await new Promise((resolve) => setImmediate(resolve));
    const pid = decoder.pid!;
    process.kill(pid, 'SIGKILL');
    await lost;
    expect(pixelAt(await next, 1, 1)).toEqual([...red]);
    expect(decoder.pid).not.toBe(pid);
  });

  test('killed while idle is started again', async () => {
    const { decoder, decode } = decoderWith();
    await decode(small);
    const pid = decoder.pid!;
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => decoder.pid).toBeNull();
    await decode(small);
    expect(decoder.pid).not.toBe(pid);
  });

  test('is killed at its time limit', async () => {
    const { decoder, decode } = decoderWith({ timeoutMs: 1 });
    await expect(decode(large)).rejects.toThrow('longer than 0.001 s');
    expect(decoder.pid).toBeNull();
  });

  test('ends itself at its memory limit', async () => {
    const { decode } = decoderWith({ maxResidentBytes: 2 ** 20 });
    await expect(decode(large)).rejects.toThrow('more memory than the 1 MiB');
  });

  test('refuses more pixels than its limit', async () => {
    const { decode } = decoderWith({ maxPixels: 63 });
    await expect(decode(small)).rejects.toThrow('"apple.png" is 8x8');
  });
});

describe('cancelling', () => {
  test('before the start, while waiting and in the middle', async () => {
    const { decode } = decoderWith();
    await expect(decode(small, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    const [running, waiting] = [new AbortController(), new AbortController()];
    const results = Promise.allSettled([decode(large, running.signal), decode(small, waiting.signal), decode(small)]);
    await new Promise((resolve) => setImmediate(resolve));
    waiting.abort();
    running.abort();
    const [first, second, third] = await results;
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'aborted' } });
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'aborted' } });
    expect(third).toMatchObject({ status: 'fulfilled' });
  });
});

describe('closing', () => {
  test('leaves no process, fails what waits, and allows a new start', async () => {
    const { decoder, decode } = decoderWith();
    await decode(small);
    const pid = decoder.pid!;
    const results = Promise.allSettled([decode(large), decode(small)]);
    await new Promise((resolve) => setImmediate(resolve));
    await decoder.close();
    expect(isAlive(pid)).toBe(false);
    expect(await results).toMatchObject([{ status: 'rejected', reason: { code: 'aborted' } }, { status: 'rejected', reason: { code: 'aborted' } }]);
    await decode(small);
    expect(decoder.pid).not.toBe(pid);
  });

  test('closeMedia twice, and a picture after it', async () => {
    await closeMedia();
    await closeMedia();
    const media = await mediaFromBytes(small);
    expect(pixelAt(await decodeImage(media, size), 0, 0)).toEqual([...red]);
  });
});
