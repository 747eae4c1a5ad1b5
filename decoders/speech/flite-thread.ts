// The thread in which Flite speaks: one sentence a message. Knows the program's arguments; knows no job and no file format but the one that Flite writes.
// Source: CMU Flite 2.3, main/flite_main.c and src/speech/cst_wave_io.c.
import { parentPort, workerData } from 'node:worker_threads';
import { runProgram } from './memory-system.ts';
import type { Sentence, Spoken } from './flite-protocol.ts';

const { module }: { readonly module: WebAssembly.Module } = workerData;

parentPort?.on('message', ({ text, voice, speed }: Sentence) => {
  const spoken = speak(text, voice, speed);
  parentPort?.postMessage(spoken, spoken.type === 'spoken' ? [spoken.samples.buffer] : []);
});

function speak(text: string, voice: string, speed: number): Spoken {
  try {
    const { exitCode, files } = runProgram(module, ['flite', '-voice', voice, '--setf', `duration_stretch=${1 / speed}`, '-t', text, '-o', 'speech.wav']);
    const wave = files.get('speech.wav');
    if (exitCode !== 0 || wave === undefined) return { type: 'failed', message: `flite ended with ${exitCode} and ${wave === undefined ? 'no' : 'a'} file` };
    const view = new DataView(wave.buffer, wave.byteOffset, wave.byteLength);
    // The header is always 44 bytes long; rate and count of bytes stand at 24 and 40.
    const samples = new Int16Array(Math.floor(Math.min(view.getUint32(40, true), wave.length - 44) / 2));
    for (let i = 0; i < samples.length; i += 1) samples[i] = view.getInt16(44 + i * 2, true);
    return { type: 'spoken', sampleRateHz: view.getUint32(24, true), samples };
  } catch (error) {
    return { type: 'failed', message: error instanceof Error ? error.message : 'it threw' };
  }
}
