"""Stable Diffusion 1.5, 2.1, Turbo, XL, XL-Turbo, inpainting, InstructPix2Pix and 2.1-unCLIP to a bundle folder.

Usage: python -m training.export.stable_diffusion SOURCE OUT [--dtype fp32|fp16|int8|int4] [--tokenizer FOLDER] [--prediction NAME] [--tiny FOLDER] [--id ID] [--licence SPDX] [--plain]
SOURCE is a local diffusers folder, or a single .safetensors file (then --tokenizer names a folder with vocab.json and merges.txt). Weights are
read from safetensors alone. OUT is also a folder in Optimum's layout. Knows nothing of TypeScript.
"""
import argparse
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, DiffusionPipeline

from .diffusers_config import TASKS, decoder_config, tower_config
from .diffusers_graphs import Decoder, export, export_autoencoder, export_picture_tower, export_tower, export_unet
from .shards import write_sharded
from .single_file import load_single_file

UNSAFE = ('.ckpt', '.bin', '.pt', '.pth', '.pkl')


def load(source: Path, tokenizer: Path | None, prediction: str | None = None):
    """The pipeline with float32 weights. Ends with the reason for what is no safe, local, known checkpoint."""
    if source.suffix in UNSAFE:
        raise SystemExit(f'{source.name}: a pickle can run any code when it is read; use the .safetensors file of the same model.')
    if source.suffix == '.safetensors':
        return load_single_file(source, tokenizer, prediction)
    if not (source / 'model_index.json').is_file():
        raise SystemExit(f'{source}: no model_index.json; give a diffusers folder or a .safetensors file.')
    name = json.loads((source / 'model_index.json').read_text())['_class_name']
    if name not in TASKS:
        raise SystemExit(f'{source.name}: {name} is not offered; there are {", ".join(TASKS)}.')
    for part in ('unet', 'vae', 'text_encoder'):
        if not list((source / part).glob('*.safetensors')):
            unsafe = [path.name for path in (source / part).glob('*') if path.suffix in UNSAFE]
            raise SystemExit(f'{source.name}: {part} has no .safetensors file' + (f'; {", ".join(unsafe)} is a pickle, which can run any code when it is read.' if unsafe else '.'))
    none = {} if 'XL' in name or 'UnCLIP' in name else {'safety_checker': None, 'requires_safety_checker': False, 'feature_extractor': None}
    return DiffusionPipeline.from_pretrained(source, use_safetensors=True, local_files_only=True, torch_dtype=torch.float32, **none)


def write_bundle(pipeline, out: Path, dtype: str, tiny: Path | None = None, fused: bool = True, identity: str | None = None, licence: str = 'NOASSERTION') -> dict:
    """Graphs, weights, tokenizers, settings in Optimum's layout, and the bundle.json over them; returns it."""
    out.mkdir(parents=True, exist_ok=True)
    bits = {'int8': 8, 'int4': 4}.get(dtype)
    kind = torch.float16 if dtype == 'fp16' else torch.float32
    xl = getattr(pipeline, 'text_encoder_2', None) is not None
    files = {'prompt-encoder': {}, 'image-decoder': {}, 'image-encoder': {}}

    def place(component: str, key: str, part: str, write) -> None:
        """Exports to a scratch folder, then rewrites with the weights in shards."""
        with tempfile.TemporaryDirectory(dir=out) as scratch:
            write(Path(scratch) / 'model.onnx')
            # The autoencoder is small and shows every rounding.
            shards = write_sharded(Path(scratch) / 'model.onnx', out / part / 'model.onnx', None if part.startswith(('vae', 'tiny')) else bits)
        files[component][key] = f'{part}/model.onnx'
        for index, path in enumerate(shards):
            files[component][f'{part}-weights{index}'] = f'{part}/{path.name}'
        print(f'{part}: {sum(path.stat().st_size for path in (out / part).iterdir()) / 1e6:.1f} MB', flush=True)

    if hasattr(pipeline, 'image_normalizer'):
        write_no_prompt(pipeline, out)
    towers = []
    for suffix, key in (('', ''), ('_2', '2'))[:2 if xl else 1]:
        tower, tokenizer = getattr(pipeline, f'text_encoder{suffix}'), getattr(pipeline, f'tokenizer{suffix}')
        config = tower_config(tower.config, tokenizer, xl)
        place('prompt-encoder', f'model{key}', f'text_encoder{suffix}',
              lambda path, t=tower, c=config: export_tower(t.to(kind), path, c.get('states', 'last_hidden_state'), 'pooled' in c))
        tower.config.save_pretrained(out / f'text_encoder{suffix}')
        tokenizer.save_pretrained(out / f'tokenizer{suffix}')
        files['prompt-encoder'] |= {f'vocabulary{key}': f'tokenizer{suffix}/vocab.json', f'merges{key}': f'tokenizer{suffix}/merges.txt'}
        towers.append(config)
    unet, vae = pipeline.unet, pipeline.vae
    place('image-decoder', 'unet', 'unet', lambda path: export_unet(unet.to(kind), path, fused))
    unet.save_config(out / 'unet')
    # XL's autoencoder overflows in half precision and says so.
    vae.to(torch.float32 if vae.config.force_upcast else kind)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        halves = {'vaeEncoder': Path(scratch) / 'encoder' / 'model.onnx', 'vaeDecoder': Path(scratch) / 'decoder' / 'model.onnx'}
        export_autoencoder(vae, *halves.values())
        for key, path in halves.items():
            place('image-decoder', key, {'vaeEncoder': 'vae_encoder', 'vaeDecoder': 'vae_decoder'}[key], lambda target, p=path: shutil.copytree(p.parent, target.parent, dirs_exist_ok=True))
    for part in ('vae_encoder', 'vae_decoder'):
        vae.save_config(out / part)
    if tiny is not None:
        autoencoder = AutoencoderTiny.from_pretrained(tiny, use_safetensors=True, local_files_only=True)
        example = torch.zeros(1, unet.config.out_channels, 4, 6)
        place('image-decoder', 'tinyDecoder', 'tiny_decoder', lambda path: export(Decoder(autoencoder), {'latent_sample': example}, ['sample'], path, {'sample': {0: 'batch', 2: 'height', 3: 'width'}}))
    pipeline.scheduler.save_pretrained(out / 'scheduler')
    index = {key: value for key, value in pipeline.config.items() if key != '_name_or_path'} | {'_class_name': type(pipeline).__name__}
    (out / 'model_index.json').write_text(json.dumps(index, indent=2) + '\n')

    def listed(paths: dict) -> dict:
        return {key: {'path': path, 'sha256': digest(out / path), 'bytes': (out / path).stat().st_size} for key, path in paths.items()}

    empty_is_zero = xl and bool(pipeline.config.get('force_zeros_for_empty_prompt', True))
    bundle = {
        'format': 1, 'id': identity or out.name.lower(), 'version': '0.1.0', 'title': f'{type(pipeline).__name__}, {dtype}', 'licence': licence,
        'source': 'exported by training/export/stable_diffusion.py',
        'components': {
            'prompt-encoder': {'kind': 'output-projector', 'uses': 'clip-prompt', 'files': listed(files['prompt-encoder']), 'config': {'towers': towers, 'emptyIsZero': empty_is_zero}},
            'image-decoder': {'kind': 'decoder', 'uses': 'stable-diffusion', 'files': listed(files['image-decoder']),
                              'config': decoder_config(type(pipeline).__name__, unet.config, vae.config, dict(pipeline.scheduler.config), type(pipeline.scheduler).__name__, tiny is not None)},
            'image-reader': {'kind': 'encoder', 'uses': 'thumbnail', 'files': {}, 'config': {}}},
        'joint': None, 'inputs': {'image': {'encoder': 'image-reader', 'projector': None}}, 'languageModel': None,
        'outputs': {'image': {'decoder': 'image-decoder', 'sources': {'prompt': 'prompt-encoder'}, 'chat': 'caption'}}, 'groups': []}
    if hasattr(pipeline, 'image_normalizer'):
        add_feature(bundle, pipeline, files, place, listed, out)
    (out / 'bundle.json').write_text(json.dumps(bundle, indent=2) + '\n')
    return bundle


@torch.no_grad()
def write_no_prompt(pipeline, out: Path) -> None:
    """Tokens of no prompt, for conditioning that is an embedding alone."""
    ids = pipeline.tokenizer('', padding='max_length', max_length=77, return_tensors='pt').input_ids
    (out / 'no-prompt.f32').write_bytes(pipeline.text_encoder(ids).last_hidden_state[0].float().numpy().astype('<f4').tobytes())


def add_feature(bundle: dict, pipeline, files: dict, place, listed, out: Path) -> None:
    """unCLIP: its picture tower as encoder into the joint space, and that space as a source of pictures."""
    tower, normaliser = pipeline.image_encoder, pipeline.image_normalizer
    mean, deviation = (part.detach().float()[0] for part in (normaliser.mean, normaliser.std))
    (out / 'statistics.f32').write_bytes(torch.cat([mean, deviation]).numpy().astype('<f4').tobytes())
    place('image-encoder', 'model', 'image_encoder', lambda path: export_picture_tower(tower, path))
    width, extractor = tower.config.projection_dim, pipeline.feature_extractor
    decoder = bundle['components']['image-decoder']
    decoder['files'] |= listed({'featureStatistics': 'statistics.f32', 'unconditional': 'no-prompt.f32'})
    noise = pipeline.image_noising_scheduler.config
    decoder['config'] |= {'featureWidth': width, 'unconditional': True, 'guidanceScale': 10, 'steps': 20,
                          'featureNoise': {key: value for key, value in (('betaSchedule', noise.beta_schedule), ('numTrainTimesteps', noise.num_train_timesteps),
                                                                         ('betaStart', noise.beta_start), ('betaEnd', noise.beta_end))}}
    del bundle['components']['image-reader']
    config = {'joint': width, 'size': tower.config.image_size, 'mean': list(extractor.image_mean), 'std': list(extractor.image_std)}
    length = float((mean.square() + deviation.square()).sum().sqrt())  # of the embeddings that it was trained with
    bundle['components'] |= {
        'image-encoder': {'kind': 'encoder', 'uses': 'clip-joint-image', 'files': listed(files['image-encoder']), 'config': config},
        'feature': {'kind': 'output-projector', 'uses': 'joint-feature', 'files': {}, 'config': {'width': width, 'scale': length}}}
    bundle['joint'] = width
    bundle['inputs'] = {'image': {'encoder': 'image-encoder', 'projector': None}}
    bundle['outputs']['image']['sources']['joint'] = 'feature'


def digest(path: Path) -> str:
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m training.export.stable_diffusion', description='Stable Diffusion to a bundle folder.')
    parser.add_argument('source', type=Path)
    parser.add_argument('out', type=Path)
    parser.add_argument('--dtype', choices=['fp32', 'fp16', 'int8', 'int4'], default='fp32')
    parser.add_argument('--tokenizer', type=Path, help='folder with vocab.json and merges.txt, for a single file')
    parser.add_argument('--prediction', choices=['epsilon', 'v_prediction'], help='what the UNet of a single file predicts; v_prediction for 2.x at 768 pixels')
    parser.add_argument('--tiny', type=Path, help='folder of a tiny autoencoder (AutoencoderTiny), for previews')
    parser.add_argument('--id', help='id of the bundle; the name of OUT by default')
    parser.add_argument('--licence', default='NOASSERTION', help='SPDX expression of the weights')
    parser.add_argument('--plain', action='store_true', help='attention of plain operators, for WebGPU')
    given = parser.parse_args()
    bundle = write_bundle(load(given.source, given.tokenizer, given.prediction), given.out, given.dtype, given.tiny, not given.plain, given.id, given.licence)
    print(f'{given.out / "bundle.json"}: {bundle["title"]}')


if __name__ == '__main__':
    main()
