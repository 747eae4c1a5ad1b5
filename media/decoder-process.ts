// The child process that decodes strangers' media: the only place where untrusted bytes meet a native decoder.
// Obeys limits given with each request and ends itself on excess; knows neither names nor why a medium is wanted.
import { writeFileSync } from 'node:fs';
import { AnymodalError } from '../src/errors.ts';
import { loadCodecs } from './codecs.ts';
import { purposes } from './decoding/container.ts';
import { endsEarly } from './decoding/cut.ts';
import { decodeFrames, inspectFrames } from './decoding/frames.ts';
import { decodePicture, inspectPicture, loadSharp } from './decoding/picture.ts';
import { Nothing, Refusal, TooManyPixels } from './decoding/refusal.ts';
import { decodeSound, inspectSound } from './decoding/sound.ts';
import { memoryExit } from './decoder-protocol.ts';
import type { DecodeFailure, DecodeReply, DecodeRequest, DecodeResult, DecodeTask } from './decoder-protocol.ts';
import { sniffMedia } from './sniff.ts';

/** What a request ends with that was not answered. */
function failureOf(error: unknown, bytes: Buffer): DecodeFailure {
  if (error instanceof TooManyPixels) return { type: 'too-many-pixels', width: error.width, height: error.height };
  const detail = error instanceof Error ? error.message : String(error);
  const whole = error instanceof Refusal && !(error instanceof Nothing && endsEarly(bytes));
  if (whole) return { type: 'refused', because: detail };
  if (error instanceof AnymodalError) return { type: 'unsupported', message: detail };
  const truncated = endsEarly(bytes) || /truncat|premature|unexpected end|end of (stream|file|data)|not enough|read error|EOF/i.test(detail);
  return { type: 'damaged', reason: truncated ? 'truncated' : 'unreadable', detail };
}

/** Loads what the task needs, which can take longer than the task itself. */
async function prepare({ type }: DecodeTask, bytes: Buffer): Promise<void> {
  const mediaType = sniffMedia(bytes)?.mediaType;
  if (type.endsWith('-image') || mediaType?.startsWith('image/') === true) await loadSharp();
  else if (mediaType !== 'audio/wav') await loadCodecs(purposes[mediaType?.startsWith('audio/') === true ? 'sound' : 'video']);
}

async function perform({ task, maxPixels }: DecodeRequest, bytes: Buffer): Promise<DecodeResult> {
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
  // Codecs drop some of their errors; whatever is being decoded then is what they are about.
  let failCurrent: ((error: unknown) => void) | null = null;
  process.on('unhandledRejection', (error) => failCurrent?.(error));
  process.on('message', (request: DecodeRequest) => {
    const bytes = Buffer.from(request.bytes.buffer, request.bytes.byteOffset, request.bytes.byteLength);
    // Codecs work on other threads, so this timer runs while a medium is being decoded.
    const watchdog = setInterval(() => {
      if (process.memoryUsage.rss() > request.maxResidentBytes) process.exit(memoryExit);
    }, 10);
    let answered = false;
    const answer = (reply: DecodeResult | DecodeFailure): void => {
      if (answered) return;
      answered = true;
      failCurrent = null;
      clearInterval(watchdog);
      send({ id: request.id, ...reply });
    };
    const fail = (error: unknown): void => answer(failureOf(error, bytes));
    failCurrent = fail;
    prepare(request.task, bytes)
      .then(() => send({ id: request.id, type: 'started' }))
      .then(async () => perform(request, bytes))
      .then(answer, fail);
  });
  process.on('disconnect', () => process.exit(0));
}

const send = process.send?.bind(process);
if (send !== undefined) serve((reply) => send(reply));
