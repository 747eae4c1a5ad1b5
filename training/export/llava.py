"""LLaVA (1, 1.5, and others of its kind: a CLIP or SigLIP tower, a linear or mlp projector, a language model) to a bundle that answers about pictures.

Usage: python -m training.export.llava SOURCE OUT [--dtype fp32|fp16|int8|int4] [--id ID] [--licence SPDX]
SOURCE is a folder in transformers' layout or its id on the hub (llava-hf/llava-1.5-7b-hf). One picture of the tower's size: the tiles of later models are not made.
Knows nothing of TypeScript.
"""
import json
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoProcessor, AutoTokenizer, LlavaForConditionalGeneration

from .bundle_folder import arguments
from .picture_chain import PictureChain, picture_config, stops_of, template_of, write_chain
from .sources import folder_of


class Tower(nn.Module):
    """pixels [1,3,s,s] to the hidden states of the layers that the projector reads, side by side, without the class token where the model drops it."""

    def __init__(self, model):
        super().__init__()
        self.tower, config = model.model.vision_tower, model.config
        layers = config.vision_feature_layer
        self.layers, self.first = [layers] if isinstance(layers, int) else list(layers), int(config.vision_feature_select_strategy == 'default')

    def forward(self, pixels):
        states = self.tower(pixels, output_hidden_states=True).hidden_states
        return torch.cat([states[layer][:, self.first:] for layer in self.layers], -1)


def causal(model, decoder: nn.Module) -> nn.Module:
    """The language model alone, as transformers would open it: `decoder` with the whole model's head."""
    alone = AutoModelForCausalLM.from_config(model.config.get_text_config())
    setattr(alone, alone.base_model_prefix, decoder)
    alone.set_output_embeddings(model.get_output_embeddings())
    alone.generation_config = model.generation_config
    return alone.eval()


def chain_of(model, tokenizer, settings: dict, template: str) -> PictureChain:
    projector = model.model.multi_modal_projector
    mark = tokenizer.convert_ids_to_tokens(model.config.image_token_id)
    model.model.vision_tower.set_attn_implementation('eager')
    return PictureChain(Tower(model), projector, 'linear' if isinstance(projector, nn.Linear) else 'mlp', picture_config(settings, model.config.vision_config.image_size),
                        causal(model, model.model.language_model), tokenizer, template, {'image': {'mark': mark}}, stops_of(model, tokenizer))


def load(folder: Path) -> PictureChain:
    name = json.loads((folder / 'config.json').read_text())['architectures'][0]
    if name != 'LlavaForConditionalGeneration':
        tiles = ' It cuts a picture into tiles, which neither exporter nor program makes.' if name.startswith(('LlavaNext', 'LlavaOnevision')) else ''
        raise SystemExit(f'{folder.name}: {name} is not offered; there is LlavaForConditionalGeneration (LLaVA 1 and 1.5, LLaVA-Interleave).{tiles}')
    model = LlavaForConditionalGeneration.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype=torch.float32, config=AutoConfig.from_pretrained(folder)).eval()
    tokenizer, processor = AutoTokenizer.from_pretrained(folder), AutoProcessor.from_pretrained(folder, use_fast=False)
    return chain_of(model, tokenizer, processor.image_processor.to_dict(), template_of(processor, tokenizer))


def main() -> None:
    given = arguments('llava', 'LLaVA to a bundle.').parse_args()
    chain = load(folder_of(given.source, 'config.json'))
    write_chain(chain, given.out, given.dtype, given.id or given.out.name.lower(), f'LLaVA, {given.dtype}', given.licence, given.source)


if __name__ == '__main__':
    main()
