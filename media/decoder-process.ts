// The child process that decodes strangers' media: the only place where untrusted bytes meet a native decoder.
// Obeys limits given with each request and ends itself on excess; knows neither names nor why a medium is wanted.
import { writeFileSync } from 'node:fs';
import { AnymodalError } from '../src/errors.ts';
import { decodeFrames, inspectFrames } from './decoding/frames.ts';
import { decodePicture, inspectPicture } from './decoding/picture.ts';
import { Refusal, TooManyPixels } from './decoding/refusal.ts';
import { decodeSound, inspectSound } from './decoding/sound.ts';
import { memoryExit } from './decoder-protocol.ts';
import type { DecodeFailure, DecodeReply, DecodeRequest, DecodeResult } from './decoder-protocol.ts';

async function handle(request: DecodeRequest): Promise<DecodeResult | DecodeFailure> {
  try {
    return await perform(request);
  } catch (error) {
    if (error instanceof TooManyPixels) return { type: 'too-many-pixels', width: error.width, height: error.height };
    if (error instanceof Refusal) return { type: 'refused', because: error.message };
    if (error instanceof AnymodalError) return { type: 'unsupported', message: error.message };
    const detail = error instanceof Error ? error.message : String(error);
    const truncated = /truncat|premature|unexpected end|end of (stream|file|data)|not enough|read error|EOF/i.test(detail);
    return { type: 'damaged', reason: truncated ? 'truncated' : 'unreadable', detail };
  }
}

async function perform({ task, maxPixels, bytes: given }: DecodeRequest): Promise<DecodeResult> {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (task.type === 'inspect-image') return { type: 'image-header', ...(await inspectPicture(bytes, maxPixels)) };
  if (task.type === 'decode-image') return { type: 'image', pixels: await decodePicture(bytes, task.target, maxPixels) };
  if (task.type === 'inspect-audio') return { type: 'audio-header', ...(await inspectSound(bytes)) };
  if (task.type === 'decode-audio') return { type: 'audio', ...(await decodeSound(bytes, task)) };
  if (task.type === 'inspect-video') return { type: 'video-header', ...(await inspectFrames(bytes, maxPixels)) };
  return { type: 'video', ...(await decodeFrames(bytes, task.target, task.times, maxPixels)) };
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
  process.on('message', (request: DecodeRequest) => {
    // Codecs work on other threads, so this timer runs while a medium is being decoded.
    const watchdog = setInterval(() => {
      if (process.memoryUsage.rss() > request.maxResidentBytes) process.exit(memoryExit);
    }, 10);
    void handle(request).then((reply) => {
      clearInterval(watchdog);
      send({ id: request.id, ...reply });
    });
  });
  process.on('disconnect', () => process.exit(0));
}

const send = process.send?.bind(process);
if (send !== undefined) serve((reply) => send(reply));
