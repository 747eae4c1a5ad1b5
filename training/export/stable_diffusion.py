"""Stable Diffusion 1.5, 2.1, Turbo, XL, XL-Turbo, inpainting, InstructPix2Pix and 2.1-unCLIP to a bundle folder.

Usage: python -m training.export.stable_diffusion SOURCE OUT [--dtype fp32|fp16|int8|int4] [--tokenizer FOLDER] [--prediction NAME] [--tiny FOLDER] [--id ID] [--licence SPDX] [--plain]
SOURCE is a local diffusers folder, the id of a repository on the hub, or a single .safetensors file (then --tokenizer names a folder with vocab.json and merges.txt). Weights are
read from safetensors alone. OUT is also a folder in Optimum's layout. Knows nothing of TypeScript.
"""
import json
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, DiffusionPipeline

from .bundle_folder import BundleFolder, arguments
from .checkpoint import UNSAFE, has_safetensors, pipeline_name
from .diffusers_config import TASKS, chosen, decoder_config, tower_config
from .diffusers_graphs import export_decoder, export_encoder, export_picture_tower, export_tower, export_unet
from .single_file import load_single_file
from .sources import folder_of

PARTS = ('unet', 'vae', 'text_encoder')


def load(source: str | Path, tokenizer: Path | None, prediction: str | None = None):
    """The pipeline with float32 weights. Ends with the reason for what is no safe, local, known checkpoint."""
    path = Path(source)
    if path.suffix in UNSAFE:
        raise SystemExit(f'{path.name}: a pickle can run any code when it is read; use the .safetensors file of the same model.')
    if path.suffix == '.safetensors':
        return load_single_file(path, tokenizer, prediction)
    folder = folder_of(str(source), 'model_index.json')
    name = pipeline_name(folder, TASKS)
    if not has_safetensors(folder, PARTS):
        raise SystemExit(f'{folder.name}: a part has pickles in the place of .safetensors, which can run any code when they are read.')
    none = {} if 'XL' in name or 'UnCLIP' in name else {'safety_checker': None, 'requires_safety_checker': False, 'feature_extractor': None}
    return DiffusionPipeline.from_pretrained(folder, use_safetensors=True, local_files_only=True, torch_dtype=torch.float32, **none)


def write_bundle(pipeline, out: Path, dtype: str, tiny: Path | None = None, fused: bool = True, identity: str | None = None, licence: str = 'NOASSERTION') -> dict:
    """Graphs, weights, tokenizers, settings in Optimum's layout, and the bundle.json over them; returns it."""
    folder = BundleFolder(out, dtype)
    kind = folder.kind
    xl = getattr(pipeline, 'text_encoder_2', None) is not None
    if hasattr(pipeline, 'image_normalizer'):
        write_no_prompt(pipeline, out)
    towers = []
    for suffix, key in (('', ''), ('_2', '2'))[:2 if xl else 1]:
        tower, tokenizer = getattr(pipeline, f'text_encoder{suffix}'), getattr(pipeline, f'tokenizer{suffix}')
        config = tower_config(tower.config, tokenizer, xl)
        folder.graph('prompt-encoder', f'model{key}', f'text_encoder{suffix}',
                     lambda path, t=tower, c=config: export_tower(t.to(kind), path, c.get('states', 'last_hidden_state'), 'pooled' in c))
        tower.config.save_pretrained(out / f'text_encoder{suffix}')
        tokenizer.save_pretrained(out / f'tokenizer{suffix}')
        folder.file('prompt-encoder', f'vocabulary{key}', f'tokenizer{suffix}/vocab.json')
        folder.file('prompt-encoder', f'merges{key}', f'tokenizer{suffix}/merges.txt')
        towers.append(config)
    unet, vae = pipeline.unet, pipeline.vae
    folder.graph('image-decoder', 'unet', 'unet', lambda path: export_unet(unet.to(kind), path, fused))
    save_settings(unet, out / 'unet')
    # XL's autoencoder overflows in half precision and says so.
    vae.to(torch.float32 if vae.config.force_upcast else kind)
    # The autoencoder is small and shows every rounding; it stays whole.
    folder.graph('image-decoder', 'vaeEncoder', 'vae_encoder', lambda path: export_encoder(vae, path), small=True)
    folder.graph('image-decoder', 'vaeDecoder', 'vae_decoder', lambda path: export_decoder(vae, path), small=True)
    for part in ('vae_encoder', 'vae_decoder'):
        save_settings(vae, out / part)
    if tiny is not None:
        rough = AutoencoderTiny.from_pretrained(tiny, use_safetensors=True, local_files_only=True)
        folder.graph('image-decoder', 'tinyDecoder', 'tiny_decoder', lambda path: export_decoder(rough, path), small=True)
    pipeline.scheduler.save_pretrained(out / 'scheduler')
    index = {key: value for key, value in pipeline.config.items() if key != '_name_or_path'} | {'_class_name': type(pipeline).__name__}
    (out / 'model_index.json').write_text(json.dumps(index, indent=2) + '\n')

    empty_is_zero = xl and bool(pipeline.config.get('force_zeros_for_empty_prompt', True))
    config = decoder_config(type(pipeline).__name__, unet.config, vae.config, chosen(pipeline.scheduler.config), type(pipeline.scheduler).__name__, tiny is not None)
    components = {
        'prompt-encoder': {'kind': 'output-projector', 'uses': 'clip-prompt', 'config': {'towers': towers, 'emptyIsZero': empty_is_zero}},
        'image-decoder': {'kind': 'decoder', 'uses': 'stable-diffusion', 'config': config},
        'image-reader': {'kind': 'encoder', 'uses': 'thumbnail', 'config': {}}}
    wiring = {'inputs': {'image': {'encoder': 'image-reader', 'projector': None}},
              'outputs': {'image': {'decoder': 'image-decoder', 'sources': {'prompt': 'prompt-encoder'}, 'chat': 'caption'}}}
    if hasattr(pipeline, 'image_normalizer'):
        add_feature(components, wiring, pipeline, folder)
    return folder.write(components, id=identity or out.name.lower(), title=f'{type(pipeline).__name__}, {dtype}', licence=licence, source='exported by training/export/stable_diffusion.py', **wiring)


@torch.no_grad()
def write_no_prompt(pipeline, out: Path) -> None:
    """Tokens of no prompt, for conditioning that is an embedding alone."""
    ids = pipeline.tokenizer('', padding='max_length', max_length=77, return_tensors='pt').input_ids
    (out / 'no-prompt.f32').write_bytes(pipeline.text_encoder(ids).last_hidden_state[0].float().numpy().astype('<f4').tobytes())


def save_settings(module, folder: Path) -> None:
    """config.json without the path that it came from."""
    module.save_config(folder)
    settings = {key: value for key, value in json.loads((folder / 'config.json').read_text()).items() if key != '_name_or_path'}
    (folder / 'config.json').write_text(json.dumps(settings, indent=2) + '\n')


def add_feature(components: dict, wiring: dict, pipeline, folder: BundleFolder) -> None:
    """unCLIP: its picture tower as encoder into the joint space, and that space as a source of pictures."""
    tower, normaliser = pipeline.image_encoder, pipeline.image_normalizer
    mean, deviation = (part.detach().float()[0] for part in (normaliser.mean, normaliser.std))
    (folder.folder / 'statistics.f32').write_bytes(torch.cat([mean, deviation]).numpy().astype('<f4').tobytes())
    folder.graph('image-encoder', 'model', 'image_encoder', lambda path: export_picture_tower(tower, path))
    folder.file('image-decoder', 'featureStatistics', 'statistics.f32')
    folder.file('image-decoder', 'unconditional', 'no-prompt.f32')
    width, extractor, noise = tower.config.projection_dim, pipeline.feature_extractor, pipeline.image_noising_scheduler.config
    components['image-decoder']['config'] |= {
        'featureWidth': width, 'unconditional': True, 'guidanceScale': 10, 'steps': 20,
        'featureNoise': {'betaSchedule': noise.beta_schedule, 'numTrainTimesteps': noise.num_train_timesteps, 'betaStart': noise.beta_start, 'betaEnd': noise.beta_end}}
    del components['image-reader']
    config = {'joint': width, 'size': tower.config.image_size, 'mean': list(extractor.image_mean), 'std': list(extractor.image_std), 'between': 'lower'}
    length = float((mean.square() + deviation.square()).sum().sqrt())  # of the embeddings that it was trained with
    components |= {'image-encoder': {'kind': 'encoder', 'uses': 'clip-joint-image', 'config': config},
                   'feature': {'kind': 'output-projector', 'uses': 'joint-feature', 'config': {'width': width, 'scale': length}}}
    wiring |= {'joint': width, 'inputs': {'image': {'encoder': 'image-encoder', 'projector': None}}}
    wiring['outputs']['image']['sources']['joint'] = 'feature'


def main() -> None:
    parser = arguments('stable_diffusion', 'Stable Diffusion to a bundle folder.')
    parser.add_argument('--tokenizer', type=Path, help='folder with vocab.json and merges.txt, for a single file')
    parser.add_argument('--prediction', choices=['epsilon', 'v_prediction'], help='what the UNet of a single file predicts; v_prediction for 2.x at 768 pixels')
    parser.add_argument('--tiny', type=Path, help='folder of a tiny autoencoder (AutoencoderTiny), for previews')
    parser.add_argument('--plain', action='store_true', help='attention of plain operators, for WebGPU')
    given = parser.parse_args()
    write_bundle(load(given.source, given.tokenizer, given.prediction), given.out, given.dtype, given.tiny, not given.plain, given.id, given.licence)


if __name__ == '__main__':
    main()
