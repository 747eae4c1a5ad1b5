"""IDEFICS 2 (perceiver resampler), IDEFICS 3 and SmolVLM (pixel shuffle) to a bundle that answers about pictures.

Usage: python -m training.export.idefics SOURCE OUT [--dtype fp32|fp16|int8|int4] [--size PIXELS] [--id ID] [--licence SPDX]
SOURCE is a folder in transformers' layout or its id on the hub (HuggingFaceTB/SmolVLM-256M-Instruct). A picture is one square of the tower's size: the tiles into which these models cut
large ones are not made, and IDEFICS 2 sees it squeezed. Knows nothing of TypeScript.
"""
import json
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForImageTextToText, AutoProcessor

from .bundle_folder import arguments
from .llava import causal
from .picture_chain import KERNELS, PictureChain, stops_of, template_of, write_chain
from .sources import folder_of

FAMILIES = {'Idefics2ForConditionalGeneration': 'perceiver-resampler', 'Idefics3ForConditionalGeneration': 'pixel-shuffle', 'SmolVLMForConditionalGeneration': 'pixel-shuffle'}
FAKE = '<fake_token_around_image>'


class Tower(nn.Module):
    """pixels [1,3,s,s] to normalised last states [1,n,d]; the places of the patches of a whole square are constant."""

    def __init__(self, tower: nn.Module, size: int):
        super().__init__()
        self.patches, self.encoder, self.norm = tower.embeddings.patch_embedding, tower.encoder, tower.post_layernorm
        edge = size // tower.config.patch_size
        pixels = torch.zeros(1, 3, size, size)
        with torch.no_grad():
            whole = tower.embeddings(pixel_values=pixels, patch_attention_mask=torch.ones(1, edge, edge, dtype=torch.bool))
            self.register_buffer('places', whole - self.patched(pixels))

    def patched(self, pixels):
        return self.patches(pixels).flatten(2).transpose(1, 2)

    def forward(self, pixels):
        return self.norm(self.encoder(inputs_embeds=self.patched(pixels) + self.places, attention_mask=None).last_hidden_state)


class Resampler(nn.Module):
    """All tokens of a whole square to the connector's embeddings."""

    def __init__(self, connector: nn.Module):
        super().__init__()
        self.connector, self.masked = connector, hasattr(connector, 'perceiver_resampler')

    def forward(self, tokens):
        return self.connector(tokens, attention_mask=torch.ones(tokens.shape[:2], dtype=torch.bool)) if self.masked else self.connector(tokens)


def chain_of(model, processor, size: int | None = None) -> PictureChain:
    name, settings, tokenizer = type(model).__name__, processor.image_processor.to_dict(), processor.tokenizer
    shuffled = FAMILIES[name] == 'pixel-shuffle'
    size = size or (settings['max_image_size']['longest_edge'] if shuffled else model.config.vision_config.image_size)
    tower, connector = model.model.vision_model, model.model.connector
    for part in (tower, connector.perceiver_resampler) if not shuffled else (tower,):
        part.set_attn_implementation('eager')
    picture = {'size': size, 'fit': 'fill', 'kernel': KERNELS[int(settings.get('resample', 2))], 'mean': list(settings['image_mean']), 'std': list(settings['image_std'])}
    before = f'{FAKE}{processor.global_image_token if hasattr(processor, "global_image_token") else "<global-img>"}' if shuffled else FAKE
    return PictureChain(Tower(tower, size), Resampler(connector), FAMILIES[name], picture, causal(model, model.model.text_model), tokenizer, template_of(processor, tokenizer),
                        {'image': {'mark': '<image>', 'before': before, 'after': FAKE}}, stops_of(model, tokenizer))


def load(folder: Path, size: int | None = None) -> PictureChain:
    name = json.loads((folder / 'config.json').read_text())['architectures'][0]
    if name not in FAMILIES:
        raise SystemExit(f'{folder.name}: {name} is not offered; there are {", ".join(FAMILIES)}.')
    model = AutoModelForImageTextToText.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype=torch.float32).eval()
    return chain_of(model, AutoProcessor.from_pretrained(folder, use_fast=False), size)


def main() -> None:
    parser = arguments('idefics', 'IDEFICS 2 and 3 and SmolVLM to a bundle.')
    parser.add_argument('--size', type=int, help='edge of the square that the tower sees, a multiple of its patches')
    given = parser.parse_args()
    write_chain(load(folder_of(given.source, 'config.json'), given.size), given.out, given.dtype, given.id or given.out.name.lower(), f'IDEFICS, {given.dtype}', given.licence, given.source)


if __name__ == '__main__':
    main()
