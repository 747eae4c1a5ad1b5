// Which sounds are read: rates and channels. Knows no format.
import { Refusal } from './refusal.ts';

const [minRateHz, maxRateHz] = [1000, 384_000];
const maxChannels = 64;

/** @throws Refusal for rates and channels that are not read. */
export function requireSound(sampleRateHz: number, channels: number): void {
  if (!(sampleRateHz >= minRateHz && sampleRateHz <= maxRateHz)) {
    throw new Refusal(`has ${sampleRateHz} samples a second; expected 1,000 to 384,000 Hz. Resample it, or correct its header.`);
  }
  if (!(channels >= 1 && channels <= maxChannels)) throw new Refusal(`has ${channels} channels; expected 1 to ${maxChannels}. Mix it down first.`);
}
