"""InstructBLIP (a picture tower, a q-former that reads the question too, a decoder-only language model) to a bundle that answers about pictures.

Usage: python -m training.export.instructblip SOURCE OUT [--dtype fp32|fp16|int8|int4] [--id ID] [--licence SPDX]
SOURCE is a folder in transformers' layout or its id on the hub (Salesforce/instructblip-vicuna-7b). Models over Flan-T5, which read and write by two networks, are not offered.
Source: Dai et al. 2023 (arXiv 2305.06500). Knows nothing of TypeScript.
"""
import json
from pathlib import Path

import torch
from torch import nn
from transformers import AutoProcessor, InstructBlipForConditionalGeneration

from .blip2 import Tower
from .bundle_folder import arguments
from .picture_chain import PictureChain, picture_config, stops_of, write_chain
from .sources import folder_of

#: The picture before everything, then what was said, as it was said.
TEMPLATE = """
{%- for message in messages -%}{%- for part in message['content'] -%}{%- if part['type'] == 'image' -%}{{- '<image>' -}}{%- endif -%}{%- endfor -%}{%- endfor -%}
{{- bos_token -}}
{%- for message in messages -%}{%- for part in message['content'] -%}{%- if part['type'] == 'text' -%}
{%- if message['role'] == 'user' -%}{{- part['text'] -}}{%- else -%}{{- ' ' + part['text'] + ' ' -}}{%- endif -%}
{%- endif -%}{%- endfor -%}{%- endfor -%}
"""


class QFormer(nn.Module):
    """tokens [1,n,d] and the ids of the question [1,t] to what the learned queries read of both, in the language model's space, [1,m,model]."""

    def __init__(self, model):
        super().__init__()
        self.queries, self.qformer, self.projection = model.query_tokens, model.qformer, model.language_projection

    def forward(self, tokens, ids):
        count = self.queries.shape[1]
        every = torch.cat([torch.ones(1, count, dtype=torch.long), torch.ones_like(ids)], 1)
        read = self.qformer(input_ids=ids, attention_mask=every, query_embeds=self.queries, encoder_hidden_states=tokens, encoder_attention_mask=torch.ones(tokens.shape[:2], dtype=torch.long))
        return self.projection(read.last_hidden_state[:, :count])


def chain_of(model, tokenizer, reader, settings: dict) -> PictureChain:
    if not model.config.use_decoder_only_language_model:
        raise SystemExit('its language model reads and writes by two networks (Flan-T5), which no graph here does; those over Vicuna are offered (Salesforce/instructblip-vicuna-7b).')
    model.vision_model.set_attn_implementation('eager')
    reader.model_max_length = min(reader.model_max_length, model.config.qformer_config.max_position_embeddings)
    language_model = model.language_model
    if language_model.generation_config.eos_token_id is None:
        language_model.generation_config = model.generation_config
    return PictureChain(Tower(model), QFormer(model), 'instructed-q-former', picture_config(settings, model.config.vision_config.image_size), language_model, tokenizer, TEMPLATE,
                        {'image': {'mark': '<image>'}}, stops_of(model, tokenizer), reader)


def load(folder: Path) -> PictureChain:
    name = json.loads((folder / 'config.json').read_text())['architectures'][0]
    if name != 'InstructBlipForConditionalGeneration':
        raise SystemExit(f'{folder.name}: {name} is not offered here; there is InstructBlipForConditionalGeneration.')
    model = InstructBlipForConditionalGeneration.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(folder, use_fast=False)
    return chain_of(model, processor.tokenizer, processor.qformer_tokenizer, processor.image_processor.to_dict())


def main() -> None:
    given = arguments('instructblip', 'InstructBLIP to a bundle.').parse_args()
    write_chain(load(folder_of(given.source, 'config.json')), given.out, given.dtype, given.id or given.out.name.lower(), f'InstructBLIP, {given.dtype}', given.licence, given.source)


if __name__ == '__main__':
    main()
