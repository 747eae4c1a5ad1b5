// Reads a folder of AudioLDM in diffusers' layout with ONNX graphs, as training/export/audioldm.py writes it, as a bundle that stands in no bundle.json.
// Knows the names and configs of AudioLDM's parts; opens no graph.

import { AnymodalError } from '../errors.ts';
import type { AdoptedBundle } from './diffusers.ts';
import { camelCase, numberOf, schedulers } from './diffusers-decoder.ts';
import type { Settings } from './diffusers-decoder.ts';
import type { Bundle } from './format.ts';
import { fileAt, graphOf, idOf, prefixed, settingsAt } from './layout-files.ts';

/** The class in `model_index.json`. */
export const audioPipeline = 'AudioLDMPipeline';

/** Graphs by the decoder's keys for them; a sound can be made without the last. */
const graphs = { unet: 'unet', vaeDecoder: 'vae_decoder', vocoder: 'vocoder', vaeEncoder: 'vae_encoder' } as const;

/** The bundle that the folder amounts to. Throws `bundle_invalid` with every part that is missing. */
export async function readAudioFolder(folder: string): Promise<AdoptedBundle> {
  const fault = (text: string): AnymodalError => new AnymodalError('bundle_invalid', `folder ${folder}: ${text}`);
  const found = await Promise.all(Object.entries(graphs).map(async ([key, part]) => ({ key, part, files: await graphOf(folder, part) })));
  const tower = await graphOf(folder, 'text_encoder');
  const tokenizer = await fileAt(folder, 'tokenizer/tokenizer.json');
  const missing = [
    ...found.filter(({ key, files }) => files === null && key !== 'vaeEncoder').map(({ part }) => `${part}/model.onnx`),
    ...(tower === null ? ['text_encoder/model.onnx'] : []),
    ...(tokenizer === null ? ['tokenizer/tokenizer.json'] : []),
  ];
  if (tower === null || tokenizer === null || missing.length > 0) throw fault(`${missing.join(', ')} missing; export the model with \`python -m training.export.audioldm\``);
  const settings = async (file: string): Promise<Settings> => {
    const read = await settingsAt(folder, file);
    if (read === null) throw fault(`${file} is missing or no JSON object`);
    return read;
  };
  const [unet, vae, vocoder, scheduler, text] = [await settings('unet/config.json'), await settings('vae_decoder/config.json'), await settings('vocoder/config.json'), await settings('scheduler/scheduler_config.json'), await settings('text_encoder/config.json')];
  const named = typeof scheduler['_class_name'] === 'string' ? scheduler['_class_name'] : 'none';
  const edits = found.some(({ key, files }) => key === 'vaeEncoder' && files !== null);
  const notes = [
    ...(edits ? [] : ['There is no vae_encoder/model.onnx: sounds are made, not edited.']),
    ...(schedulers[named] === undefined ? [`Its scheduler ${named} is not offered; ddim takes its place.`] : []),
  ];
  const files = found.flatMap(({ key, files: all }) => {
    if (all === null) return [];
    const { model, ...weights } = all;
    return Object.entries({ [key]: model!, ...prefixed(weights, `${key}-`) });
  });
  const { model, ...weights } = tower;
  const width = numberOf(text['projection_dim'], numberOf(unet['projection_class_embeddings_input_dim'], 512));
  const bundle: Bundle = {
    format: 1,
    id: idOf(folder),
    version: '0.0.0',
    title: `${audioPipeline} in diffusers' layout`,
    licence: 'NOASSERTION',
    source: "a folder in diffusers' layout with ONNX graphs",
    components: {
      'prompt-encoder': {
        kind: 'output-projector',
        uses: 'clap-prompt',
        files: { model: model!, tokenizer, ...prefixed(weights, 'text_encoder-') },
        // RoBERTa's positions begin behind that of the padding.
        config: { width, maxTokens: numberOf(text['max_position_embeddings'], 514) - numberOf(text['pad_token_id'], 1) - 1 },
      },
      'audio-decoder': { kind: 'decoder', uses: 'audioldm', files: Object.fromEntries(files), config: { ...audioConfig(unet, vae, vocoder), ...schedulerConfig(scheduler, named), edits } },
      ...(edits && { 'audio-reader': { kind: 'encoder' as const, uses: 'loudness', files: {}, config: {} } }),
    },
    joint: null,
    inputs: edits ? { audio: { encoder: 'audio-reader', projector: null } } : {},
    languageModel: null,
    outputs: { audio: { decoder: 'audio-decoder', sources: { prompt: 'prompt-encoder' }, chat: 'caption' } },
    groups: [],
  };
  return { bundle, notes };
}

/** Widths and rates; the log-mels are those that AudioLDM's autoencoder was trained with (haoheliu/AudioLDM audioldm/audio/stft.py). */
function audioConfig(unet: Settings, vae: Settings, vocoder: Settings): Settings {
  const levels = Array.isArray(vae['block_out_channels']) ? vae['block_out_channels'].length : 3;
  const factor = 2 ** (levels - 1);
  const rates: readonly unknown[] = Array.isArray(vocoder['upsample_rates']) ? vocoder['upsample_rates'] : [160];
  const hop = rates.reduce<number>((product, rate) => product * numberOf(rate, 1), 1);
  const sampleRateHz = numberOf(vocoder['sampling_rate'], 16_000);
  return {
    width: numberOf(unet['projection_class_embeddings_input_dim'], 512),
    latentChannels: numberOf(unet['in_channels'], 8),
    factor,
    scalingFactor: numberOf(vae['scaling_factor'], 1),
    mel: { sampleRateHz, fftSize: 1024, hop, mels: numberOf(vocoder['model_in_dim'], 64), minHz: 0, maxHz: sampleRateHz / 2, melScale: 'slaney', norm: 'slaney', floor: 1e-5 },
    seconds: (numberOf(unet['sample_size'], 128) * factor * hop) / sampleRateHz,
  };
}

function schedulerConfig(scheduler: Settings, named: string): Settings {
  const settings = camelCase(scheduler);
  return { prediction: scheduler['prediction_type'] ?? 'epsilon', scheduler: schedulers[named] ?? 'ddim', schedulers: Object.fromEntries(Object.values(schedulers).map((name) => [name, settings])) };
}
