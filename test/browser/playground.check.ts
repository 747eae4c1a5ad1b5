// The playground as a person meets it: first picture, upload and edit, mask, cancel, reload, two tabs, restart, bad file, mixer, library.
// Screenshots of what was seen go to outputs/playground.
import { AxeBuilder } from '@axe-core/playwright';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startServer, type RealServer } from '../real-server.ts';

const outputs = fileURLToPath(new URL('../../outputs/playground', import.meta.url));
let server: RealServer;
let browser: Browser;

beforeAll(async () => {
  await mkdir(outputs, { recursive: true });
  server = await startServer();
  // oxlint-disable-next-line node/no-process-env -- a test, told by continuous integration where the browser is
  browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'] });
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

async function open(width = 1440, height = 900, options: { readonly colorScheme?: 'light' | 'dark' } = {}): Promise<{ readonly page: Page; readonly context: BrowserContext; readonly problems: string[] }> {
  const context = await browser.newContext({ viewport: { width, height }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  onTestFinished(async () => {
    await context.close();
  });
  await page.goto(server.address);
  await page.getByRole('button', { name: 'Picture', exact: true }).waitFor();
  return { page, context, problems };
}

async function ask(page: Page, words: string): Promise<void> {
  await page.locator('#composer').fill(words);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
}

/** The last answer when it has ended. */
async function ended(page: Page, count: number, status = 'completed'): Promise<void> {
  await page.locator(`.answer[data-status="${status}"]`).nth(count - 1).waitFor({ timeout: 300_000 });
}

describe('chat', () => {
  test('first visit to first picture, without a jump of the page', async () => {
    const { page, problems } = await open();
    await page.screenshot({ path: `${outputs}/empty-desktop.png` });
    await page.evaluate(() => {
      const shifts: number[] = [];
      Reflect.set(window, 'shifts', shifts);
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (Reflect.get(entry, 'hadRecentInput') !== true) shifts.push(Number(Reflect.get(entry, 'value')));
      }).observe({ entryTypes: ['layout-shift'] });
    });
    await page.getByRole('button', { name: 'Picture', exact: true }).click();
    await ask(page, 'a red fox');
    await page.locator('.card.making .frame').waitFor({ timeout: 300_000 });
    const before = await page.locator('.card').boundingBox();
    await ended(page, 1);
    const after = await page.locator('.card').boundingBox();
    expect({ width: after?.width, height: after?.height }).toEqual({ width: before?.width, height: before?.height });
    const picture = page.locator('.card img.medium');
    expect(await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThanOrEqual(128);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- put there above
    const shifts = await page.evaluate(() => (window as unknown as { readonly shifts: readonly number[] }).shifts.reduce((sum, value) => sum + value, 0));
    expect(shifts).toBeLessThan(0.1);
    await page.screenshot({ path: `${outputs}/picture-desktop.png` });
    await page.getByRole('button', { name: 'How it was made' }).click();
    await page.locator('.chain .stage').first().waitFor();
    await page.screenshot({ path: `${outputs}/trace-desktop.png` });
    expect(problems).toEqual([]);
  });

  test('upload and edit; what was made goes back into the composer', async () => {
    const { page, problems } = await open();
    await page.getByRole('button', { name: 'Picture', exact: true }).click();
    await ask(page, 'an apple');
    await ended(page, 1);
    await page.getByRole('button', { name: 'Edit this' }).click();
    await page.locator('.attachments img').waitFor();
    await ask(page, 'make it blue');
    await ended(page, 2);
    expect(await page.locator('.answer img.medium').count()).toBe(2);
    await page.locator('input[type=file]').first().setInputFiles(fileURLToPath(new URL('../../docs/pictures/apple.png', import.meta.url)));
    await page.locator('.attachments img').waitFor();
    await ask(page, 'rotate it');
    await ended(page, 3);
    await page.screenshot({ path: `${outputs}/edit-desktop.png` });
    expect(problems).toEqual([]);
  });

  test('a mask is painted and sent', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'Picture', exact: true }).click();
    await ask(page, 'a house');
    await ended(page, 1);
    await page.getByRole('button', { name: 'Paint what may change' }).click();
    const canvas = page.locator('.mask-stage canvas');
    const box = await canvas.boundingBox();
    if (box === null) throw new Error('no canvas');
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.3);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + box.height * 0.4, { steps: 5 });
    await page.mouse.up();
    await page.screenshot({ path: `${outputs}/mask-desktop.png` });
    await page.getByRole('button', { name: 'Use this mask' }).click();
    await page.locator('.attachments .badge').waitFor();
    await ask(page, 'add a red star');
    await ended(page, 2);
  });

  test('stop, and the next one runs', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'Video', exact: true }).click();
    await page.getByRole('button', { name: /^Settings/ }).click();
    await page.locator('.panel input[type=number]').nth(1).fill('6');
    await ask(page, 'a bouncing ball');
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await ended(page, 1, 'cancelled');
    await page.locator('.panel input[type=number]').nth(1).fill('1');
    await ask(page, 'a bouncing ball');
    await ended(page, 1);
    await page.locator('.answer video').waitFor();
  });

  test('reload in the middle finds it again; a second tab sees the same', async () => {
    const { page, context } = await open();
    await page.getByRole('button', { name: 'Video', exact: true }).click();
    await ask(page, 'a beating heart');
    await page.locator('.answer').waitFor();
    await page.reload();
    await page.locator('.answer').waitFor();
    const second = await context.newPage();
    await second.goto(page.url());
    await Promise.all([ended(page, 1), ended(second, 1)]);
    const [one, two] = await Promise.all([page, second].map(async (tab) => tab.locator('.answer').getAttribute('data-job')));
    expect(one).toBe(two);
    expect(await page.locator('.said').count()).toBe(1);
  });

  test('a server that is killed in the middle: the job runs again and the page goes on', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'Video', exact: true }).click();
    await ask(page, 'a flying bird');
    await page.locator('.answer').waitFor();
    await server.restart();
    await ended(page, 1);
    await page.locator('.answer video').waitFor();
  });

  test('a file that is no medium is told of, and the conversation goes on', async () => {
    const { page } = await open();
    await page.locator('input[type=file]').first().setInputFiles({ name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('not a picture') });
    await page.getByRole('alert').getByText('broken.png').waitFor();
    await page.screenshot({ path: `${outputs}/error-desktop.png` });
    await page.getByRole('button', { name: 'Text', exact: true }).click();
    await ask(page, 'hello');
    await ended(page, 1);
  });

  test('microphone and camera become attachments', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'Take a picture' }).click();
    await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>('.viewfinder')?.videoWidth ?? 0) > 0);
    await page.getByRole('button', { name: 'Take the picture' }).click();
    await page.locator('.attachments img').waitFor();
    await page.getByRole('button', { name: 'Record a sound' }).click();
    await page.getByRole('button', { name: 'Stop recording' }).waitFor();
    await page.waitForTimeout(1200);
    await page.getByRole('button', { name: 'Stop recording' }).click();
    await page.locator('.attachments .sound').waitFor();
  });
});

describe('beside the chat', () => {
  test('the mixer draws a sum', async () => {
    const { page, problems } = await open();
    await page.getByRole('link', { name: 'Mixer' }).click();
    for (const words of ['a dog', 'red']) {
      await page.getByRole('button', { name: 'Add words' }).click();
      await page.getByRole('textbox', { name: 'words' }).last().fill(words);
    }
    await page.locator('.mix-result img.medium:not(.preview)').waitFor({ timeout: 60_000 });
    await page.screenshot({ path: `${outputs}/mixer-desktop.png` });
    expect(problems).toEqual([]);
  });

  test('the library finds, renames, exports and deletes', async () => {
    const { page } = await open();
    await page.getByRole('button', { name: 'Picture', exact: true }).click();
    await ask(page, 'a yellow banana');
    await ended(page, 1);
    await page.getByRole('link', { name: 'Library' }).click();
    await page.getByRole('searchbox').fill('banana');
    await page.locator('.tile', { hasText: 'banana' }).first().waitFor();
    await page.screenshot({ path: `${outputs}/library-desktop.png` });
    await page.getByRole('checkbox', { name: 'By likeness' }).check();
    await page.locator('.tile').first().waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByRole('button', { name: 'Conversations', exact: true }).last().click();
    page.on('dialog', (dialog) => void dialog.accept());
    const field = page.getByRole('textbox', { name: 'New title' });
    await page.getByRole('button', { name: 'Rename: a yellow banana' }).click();
    await field.press('Escape');
    await field.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Rename: a yellow banana' }).click();
    await field.fill('My fruit');
    await page.screenshot({ path: `${outputs}/rename-desktop.png` });
    await page.keyboard.press('Enter');
    await page.locator('.talk', { hasText: 'My fruit' }).waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export: My fruit' }).click();
    expect((await download).suggestedFilename()).toBe('My-fruit.json');
    await page.getByRole('button', { name: 'Delete: My fruit' }).click();
    await page.locator('.talk', { hasText: 'My fruit' }).waitFor({ state: 'detached' });
  });
});

describe('for everyone', () => {
  test.each([['phone', 390, 844], ['tablet', 820, 1180], ['desktop', 1440, 900]] as const)('%s, both themes: nothing is cut off and axe finds nothing serious', async (name, width, height) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await open(width, height, { colorScheme });
      for (const view of ['chat', 'mixer', 'library', 'model']) {
        await page.goto(`${server.address}/#/${view}`);
        await page.locator('main h1').first().waitFor();
        await page.screenshot({ path: `${outputs}/${view}-${name}-${colorScheme}.png` });
        expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${view} at ${width}`).toBeLessThanOrEqual(0);
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${view}: ${id} ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([]);
      }
    }
  });

  test('the page is small, asks nobody else, and is there at once', async () => {
    const context = await browser.newContext();
    onTestFinished(async () => context.close());
    const page = await context.newPage();
    const hosts = new Set<string>();
    page.on('request', (request) => hosts.add(new URL(request.url()).host));
    await page.goto(server.address);
    await page.locator('#composer').waitFor();
    expect([...hosts]).toEqual([new URL(server.address).host]);
    const bytes = await page.evaluate(() => performance.getEntriesByType('resource').reduce((sum, entry) => sum + Number(Reflect.get(entry, 'encodedBodySize')), 0));
    expect(bytes).toBeLessThan(200_000);
  });
});
