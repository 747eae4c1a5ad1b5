// How soon the playground can be used: from the request for the page to a composer that takes words, in a browser with an empty cache,
// over loopback. Needs Chromium.
// node bench/first-load.ts --rounds 20

import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { startServer } from '../test/real-server.ts';
import { machine, median, milliseconds, printTable } from './table.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' }, chromium: { type: 'string', default: '/usr/bin/chromium' } } });

const usable: number[] = [];
const painted: number[] = [];
let bytes = 0;
const server = await startServer();
const browser = await chromium.launch({ executablePath: values.chromium, args: ['--no-sandbox'] });
try {
  for (let round = 0; round <= Number(values.rounds); round += 1) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const page = await context.newPage();
    // Counted in the page, from its own navigation: the browser's driver is no part of it.
    await page.addInitScript({ content: `(function look() {
      if (document.querySelector('#composer') === null) requestAnimationFrame(look);
      else window.usableAt = performance.now();
    })();` });
    await page.goto(server.address);
    await page.waitForFunction('window.usableAt > 0');
    await page.locator('#composer').fill('a red apple');
    const seen = await page.evaluate(() => ({
      usable: Number(Reflect.get(globalThis, 'usableAt')),
      painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
      bytes: performance.getEntriesByType('resource').reduce((sum, entry) => sum + Number(Reflect.get(entry, 'encodedBodySize')), 0),
    }));
    await context.close();
    // The first one starts the browser's own processes.
    if (round === 0) continue;
    usable.push(seen.usable);
    painted.push(seen.painted);
    bytes = seen.bytes;
  }
} finally {
  await browser.close();
  await server.stop();
}

const worst = Math.max(...usable);
printTable(`first load of the playground: ${values.rounds} rounds; ${machine(cpus(), process.version)}; load ${loadavg()[0]?.toFixed(1)}`, [
  ['usable', `${milliseconds(median(usable))}, at most ${milliseconds(worst)}`, 'the composer is there and takes words; the model may still load'],
  ['painted', milliseconds(median(painted)), 'first contentful paint'],
  ['fetched', `${(bytes / 1000).toFixed(0)} kB`, 'compressed, with the answers of the first requests'],
]);
