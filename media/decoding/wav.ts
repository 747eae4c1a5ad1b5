// Wav to samples: RIFF, RIFX, RF64 and BW64; integers of 8 to 32 bits, floats, A-law and µ-law, WAVE_FORMAT_EXTENSIBLE.
// Reads what is there, whatever the header claims of its length. Source: Microsoft, Multimedia Programming Interface 1.0; EBU Tech 3306; ITU-T G.711.
import { requireSound } from './sound-limits.ts';
import { Refusal } from './refusal.ts';

export interface WavSound {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Samples of each channel. */
  readonly frames: number;
  /** Mean of the channels from sample `from` to before `to`, -1..1. */
  read(from: number, to: number): Float32Array;
}

interface Format {
  readonly tag: number;
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly bytesPerSample: number;
}

const tags = { pcm: 1, float: 3, aLaw: 6, muLaw: 7, extensible: 0xfffe } as const;

export function openWav(bytes: Uint8Array): WavSound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = view.getUint8(3) !== 0x58;
  let format: Format | null = null;
  // The length of the samples of a file that can be longer than 4 GiB.
  let long: number | null = null;
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = nameAt(bytes, at);
    const claimed = view.getUint32(at + 4, little);
    if (name === 'ds64' && at + 24 <= bytes.length) long = Number(view.getBigUint64(at + 16, little));
    if (name === 'fmt ') format = readFormat(view, at + 8, Math.min(claimed, bytes.length - at - 8), little);
    if (name === 'data') {
      if (format === null) break;
      return openData(view, format, at + 8, dataEnd(view, at + 8, claimed === 0xffffffff ? (long ?? claimed) : claimed, little), little);
    }
    at += 8 + claimed + (claimed % 2);
  }
  throw new Refusal(`is a wav without ${format === null ? 'a description of its samples' : 'samples'}; expected chunks "fmt " and "data". Save it as wav anew.`);
}

function readFormat(view: DataView, at: number, length: number, little: boolean): Format {
  if (length < 16) throw new Refusal(`has a wav header of ${length} bytes; expected at least 16. Save it as wav anew.`);
  const channels = view.getUint16(at + 2, little);
  const sampleRateHz = view.getUint32(at + 4, little);
  const block = view.getUint16(at + 12, little);
  const bits = view.getUint16(at + 14, little);
  const given = view.getUint16(at, little);
  // The first two bytes of the sub-format are what the tag would have been.
  const tag = given === tags.extensible && length >= 26 ? view.getUint16(at + 24, little) : given;
  requireSound(sampleRateHz, channels);
  // Samples may lie in more bytes than they have bits; a block that does not go with the channels is not believed.
  const held = block / channels;
  const bytesPerSample = Number.isInteger(held) && held >= Math.ceil(bits / 8) && held <= 8 ? held : Math.ceil(bits / 8);
  const sizes: readonly number[] = { [tags.pcm]: [1, 2, 3, 4], [tags.float]: [4, 8], [tags.aLaw]: [1], [tags.muLaw]: [1] }[tag] ?? [];
  if (!sizes.includes(bytesPerSample)) {
    throw new Refusal(`holds wav samples of format ${tag} with ${bits} bits; expected PCM of 8 to 32 bits, floats of 32 or 64, A-law or µ-law. Save it as 16-bit wav.`);
  }
  return { tag, channels, sampleRateHz, bytesPerSample };
}

/** Where the samples end. Recorders that were stopped leave 0 or too much as the length, broken ones too little: then all that is there is taken. */
function dataEnd(view: DataView, start: number, claimed: number, little: boolean): number {
  const end = start + claimed;
  if (end >= view.byteLength) return view.byteLength;
  const next = end + (claimed % 2);
  if (next >= view.byteLength) return end;
  return isChunk(view, next, little) || (claimed % 2 === 1 && isChunk(view, end, little)) ? end : view.byteLength;
}

/** Whether what stands there can be the head of a chunk. */
function isChunk(view: DataView, at: number, little: boolean): boolean {
  if (at + 8 > view.byteLength) return false;
  const printable = [0, 1, 2, 3].every((i) => view.getUint8(at + i) >= 0x20 && view.getUint8(at + i) < 0x7f);
  return printable && at + 8 + view.getUint32(at + 4, little) <= view.byteLength + 1;
}

function openData(view: DataView, { tag, channels, sampleRateHz, bytesPerSample }: Format, start: number, end: number, little: boolean): WavSound {
  const frames = Math.floor((end - start) / (bytesPerSample * channels));
  const sample = sampleReader(view, tag, bytesPerSample, little);
  return {
    sampleRateHz,
    channels,
    frames,
    read(from, to) {
      const [first, last] = [Math.max(0, from), Math.min(frames, to)];
      return Float32Array.from({ length: Math.max(0, last - first) }, (_, i) => {
        let at = start + (first + i) * channels * bytesPerSample;
        let sum = 0;
        for (let channel = 0; channel < channels; channel += 1, at += bytesPerSample) sum += sample(at);
        return sum / channels;
      });
    },
  };
}

function sampleReader(view: DataView, tag: number, bytesPerSample: number, little: boolean): (at: number) => number {
  if (tag === tags.aLaw) return (at) => fromALaw(view.getUint8(at));
  if (tag === tags.muLaw) return (at) => fromMuLaw(view.getUint8(at));
  if (tag === tags.float) return bytesPerSample === 4 ? (at) => finite(view.getFloat32(at, little)) : (at) => finite(view.getFloat64(at, little));
  if (bytesPerSample === 1) return (at) => (view.getUint8(at) - 128) / 128;
  if (bytesPerSample === 2) return (at) => view.getInt16(at, little) / 2 ** 15;
  if (bytesPerSample === 4) return (at) => view.getInt32(at, little) / 2 ** 31;
  return little ? (at) => (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 2 ** 23 : (at) => (view.getInt16(at, false) * 256 + view.getUint8(at + 2)) / 2 ** 23;
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

function fromALaw(code: number): number {
  const value = code ^ 0x55;
  const exponent = (value >> 4) & 7;
  const mantissa = ((value & 15) << 4) + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1);
  return ((value & 0x80) === 0 ? -magnitude : magnitude) / 2 ** 15;
}

function fromMuLaw(code: number): number {
  const value = ~code & 0xff;
  const magnitude = ((((value & 15) << 3) + 0x84) << ((value >> 4) & 7)) - 0x84;
  return ((value & 0x80) === 0 ? magnitude : -magnitude) / 2 ** 15;
}

function nameAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
