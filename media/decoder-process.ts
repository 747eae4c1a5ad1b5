// The child process that decodes strangers' pictures: the only place where untrusted bytes meet a native decoder.
// Obeys limits given with each request and ends itself on excess; knows neither names nor why a picture is wanted.
import { writeFileSync } from 'node:fs';
import { pngFrames } from './containers.ts';
import { resizePixels } from './resize.ts';
import { memoryExit } from './decoder-protocol.ts';
import type { DecodeReply, DecodeRequest } from './decoder-protocol.ts';

const LOADERS = ['Png', 'Jpeg', 'Webp', 'Nsgif', 'Heif', 'Tiff'].map((name) => `VipsForeignLoad${name}Buffer`);

async function loadSharp() {
  const { default: sharp } = await import('sharp');
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp;
}

async function handle(request: DecodeRequest, sharp: Awaited<ReturnType<typeof loadSharp>>): Promise<DecodeReply> {
  const { id, target, maxPixels } = request;
  const bytes = Buffer.from(request.bytes.buffer, request.bytes.byteOffset, request.bytes.byteLength);
  try {
    const header = await sharp(bytes, { limitInputPixels: false, failOn: 'none' }).metadata();
    const height = header.pageHeight ?? header.height;
    if (header.width * height > maxPixels) return { id, type: 'too-many-pixels', width: header.width, height };
    const upright = header.autoOrient;
    if (target === null) return { id, type: 'inspected', width: upright.width, height: header.pageHeight ?? upright.height, pages: header.pages ?? pngFrames(bytes) };
    const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'truncated', page: 0, pages: 1 })
      .autoOrient()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3 && info.channels !== 4) throw new Error(`decoded to ${info.channels} channels`);
    return { id, type: 'decoded', pixels: resizePixels({ width: info.width, height: info.height, channels: info.channels, pixels: data }, target) };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const truncated = /truncat|premature|unexpected end|end of (stream|file|data)|not enough|read error|EOF/i.test(detail);
    return { id, type: 'damaged', reason: truncated ? 'truncated' : 'unreadable', detail };
  }
}

/** Where the system can say whom to kill first when memory runs out (Linux), this process volunteers. */
function volunteerForMemory(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Other systems have no such file, and a sandbox may forbid it; the watchdog stands either way.
  }
}

function serve(send: (reply: DecodeReply) => void): void {
  volunteerForMemory();
  const loaded = loadSharp();
  process.on('message', (request: DecodeRequest) => {
    // libvips works on other threads, so this timer runs while a picture is being decoded.
    const watchdog = setInterval(() => {
      if (process.memoryUsage.rss() > request.maxResidentBytes) process.exit(memoryExit);
    }, 10);
    void loaded
      .then((sharp) => handle(request, sharp))
      .then((reply) => {
        clearInterval(watchdog);
        send(reply);
      });
  });
  process.on('disconnect', () => process.exit(0));
}

const send = process.send?.bind(process);
if (send !== undefined) serve((reply) => send(reply));
