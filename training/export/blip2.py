"""BLIP-2 (a picture tower, a q-former, a decoder-only language model) to a bundle that describes pictures and answers questions about them.

Usage: python -m training.export.blip2 SOURCE OUT [--dtype fp32|fp16|int8|int4] [--id ID] [--licence SPDX]
SOURCE is a folder in transformers' layout or its id on the hub (Salesforce/blip2-opt-2.7b). For InstructBLIP there is training.export.instructblip; models over Flan-T5, which read
and write by two networks, are not offered. Knows nothing of TypeScript.
"""
import json
from pathlib import Path

import torch
from torch import nn
from transformers import AutoProcessor, Blip2ForConditionalGeneration

from .bundle_folder import arguments
from .picture_chain import PictureChain, picture_config, stops_of, write_chain
from .sources import folder_of

#: The picture before everything, then a question as the paper asks it; without one the model describes what it sees.
TEMPLATE = """
{%- for message in messages -%}{%- for part in message['content'] -%}{%- if part['type'] == 'image' -%}{{- '<image>' -}}{%- endif -%}{%- endfor -%}{%- endfor -%}
{{- bos_token -}}
{%- for message in messages -%}{%- for part in message['content'] -%}{%- if part['type'] == 'text' -%}
{%- if message['role'] == 'user' -%}{{- 'Question: ' + part['text'] + ' Answer:' -}}{%- elif message['role'] == 'assistant' -%}{{- ' ' + part['text'] + '. ' -}}{%- else -%}{{- part['text'] + ' ' -}}{%- endif -%}
{%- endif -%}{%- endfor -%}{%- endfor -%}
"""


class Tower(nn.Module):
    """pixels [1,3,s,s] to the last states, normalised, class token first."""

    def __init__(self, model):
        super().__init__()
        self.tower = model.vision_model

    def forward(self, pixels):
        return self.tower(pixel_values=pixels).last_hidden_state


class QFormer(nn.Module):
    """tokens [1,n,d] to what the learned queries read of them, in the language model's space, [1,m,model]."""

    def __init__(self, model):
        super().__init__()
        self.queries, self.qformer, self.projection = model.query_tokens, model.qformer, model.language_projection

    def forward(self, tokens):
        read = self.qformer(query_embeds=self.queries, encoder_hidden_states=tokens, encoder_attention_mask=torch.ones(tokens.shape[:2], dtype=torch.long)).last_hidden_state
        return self.projection(read)


def chain_of(model, tokenizer, settings: dict) -> PictureChain:
    if not model.config.use_decoder_only_language_model:
        raise SystemExit('its language model reads and writes by two networks (Flan-T5), which no graph here does; those over OPT, Vicuna and other decoders are offered '
                         '(Salesforce/blip2-opt-2.7b, Salesforce/instructblip-vicuna-7b).')
    for part in (model.vision_model, model.qformer):
        part.set_attn_implementation('eager')
    language_model = model.language_model
    if language_model.generation_config.eos_token_id is None:
        language_model.generation_config = model.generation_config
    return PictureChain(Tower(model), QFormer(model), 'q-former', picture_config(settings, model.config.vision_config.image_size), language_model, tokenizer, TEMPLATE,
                        {'image': {'mark': '<image>'}}, stops_of(model, tokenizer))


def load(folder: Path) -> PictureChain:
    name = json.loads((folder / 'config.json').read_text())['architectures'][0]
    if name != 'Blip2ForConditionalGeneration':
        raise SystemExit(f'{folder.name}: {name} is not offered here; there is Blip2ForConditionalGeneration, and for InstructBLIP training.export.instructblip.')
    model = Blip2ForConditionalGeneration.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(folder, use_fast=False)
    return chain_of(model, processor.tokenizer, processor.image_processor.to_dict())


def main() -> None:
    given = arguments('blip2', 'BLIP-2 to a bundle.').parse_args()
    write_chain(load(folder_of(given.source, 'config.json')), given.out, given.dtype, given.id or given.out.name.lower(), f'BLIP-2, {given.dtype}', given.licence, given.source)


if __name__ == '__main__':
    main()
