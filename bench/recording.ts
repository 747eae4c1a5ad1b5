// Makes the pictures of the playground in the README: screenshots and a short recording, of the real page on a real server with nano.
// Needs Chromium at /usr/bin/chromium. Run: npx node bench/recording.ts [--dark] [--chromium PATH]

import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright-core';
import { closeMedia, decodeImage, encodeVideo, mediaFromBytes } from '../media/index.ts';
import { startServer } from '../test/real-server.ts';

const folder = new URL('../docs/pictures/', import.meta.url);
const SIZE = { width: 1100, height: 700 };
/** Size of the recording, pixels. */
const SMALL = { width: 720, height: 458 };
/** Milliseconds between two frames of the recording. */
const FRAME_MS = 250;

const { values: flags } = parseArgs({ options: { dark: { type: 'boolean', default: false }, chromium: { type: 'string', default: '/usr/bin/chromium' } } });
const frames: Uint8Array[] = [];

/** Takes pictures of `page` until `work` has ended, and some after it. */
async function record(page: Page, work: () => Promise<void>): Promise<void> {
  let ended = false;
  const working = work().finally(() => {
    ended = true;
  });
  for (let after = 0; after < 5; after += ended ? 1 : 0) {
    const begun = performance.now();
    frames.push(await page.screenshot());
    await delay(Math.max(0, FRAME_MS - (performance.now() - begun)));
    if (frames.length > 400) throw new Error('the recording does not end');
  }
  await working;
}

async function ask(page: Page, words: string, answers: number): Promise<void> {
  await page.locator('#composer').pressSequentially(words, { delay: 35 });
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.locator('.answer[data-status="completed"]').nth(answers - 1).waitFor({ timeout: 120_000 });
}

const server = await startServer();
const browser = await chromium.launch({ executablePath: flags.chromium, args: ['--no-sandbox'] });
try {
  await mkdir(folder, { recursive: true });
  const context = await browser.newContext({ viewport: SIZE, colorScheme: flags.dark ? 'dark' : 'light', deviceScaleFactor: 1 });
  const page = await context.newPage();
  await page.goto(server.address);
  await page.getByText('Loading').waitFor({ state: 'detached', timeout: 120_000 });
  // The seed is set, so that the same model makes the same pictures.
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Seed').fill('2');
  await page.getByRole('button', { name: 'Close' }).click();
  await record(page, async () => ask(page, 'draw a red apple', 1));
  await record(page, async () => ask(page, 'make it green', 2));
  await record(page, async () => ask(page, 'make a video of a bouncing ball, with its sound', 3));
  await page.getByRole('button', { name: 'How it was made' }).last().click();
  await page.screenshot({ path: new URL('playground.png', folder).pathname });
  const wide = { ...SMALL, fit: 'fill', background: [255, 255, 255] } as const;
  const pixels: Uint8Array[] = [];
  for (const frame of frames) pixels.push((await decodeImage(await mediaFromBytes(frame), wide)).pixels);
  const clip = await encodeVideo({ ...SMALL, frames: pixels, fps: Math.round(1000 / FRAME_MS) }, { format: 'webp', provenance: null, mark: false });
  await writeFile(new URL('playground.webp', folder), clip.bytes);
  process.stdout.write(`${frames.length} frames, ${Math.round(clip.bytes.length / 1024)} kB\n`);

  const phone = await browser.newContext({ viewport: { width: 390, height: 844 }, colorScheme: 'dark', storageState: await context.storageState() });
  const small = await phone.newPage();
  await small.goto(page.url());
  await small.locator('.answer[data-status="completed"]').first().waitFor({ timeout: 60_000 });
  await small.locator('.turns').evaluate((list) => list.scrollTo({ top: 0 }));
  await small.screenshot({ path: new URL('playground-phone.png', folder).pathname });
} finally {
  await browser.close();
  await server.stop();
  await closeMedia();
}
