"""NExT-GPT's released checkpoint (the older code, `7b_tiva_v0`): its tensors, each used once and none missing, and the language model that they make of Vicuna.

Layout: NExT-GPT-Lagacy/code/model/agent.py L71-160 and anyToImageVideoAudio.py L60-178 at 60d618b. Knows no graph and no bundle.
"""
import json
from pathlib import Path

import torch
from torch import nn

from .text_fc import TransformerProjector

#: Output, prefix of its projector, and the width of the text encoder whose states it stands for.
PROJECTORS = {'image': 'gen_text_hidden_fcs.0', 'video': 'gen_text_hidden_fcs_video.0', 'audio': 'gen_text_hidden_fcs_audio.0'}
GROUPS = {'image': ('IMG', 4), 'video': ('VID', 24), 'audio': ('AUD', 8)}
ADDED = ['<Img>', '</Img>', *(f'[{name}{index}]' for name, count in GROUPS.values() for index in range(count))]
BEFORE = 'llama_model.base_model.model.'
#: The heads of nn.Transformer in the projectors cannot be read off the tensors.
HEADS = 4


class Delta:
    """The tensors of pytorch_model.pt; `take` hands each out once, `finish` ends where one is left over."""

    def __init__(self, tensors: dict[str, torch.Tensor]):
        self.tensors, self.missing = dict(tensors), []
        self.count = len(self.tensors)

    def take(self, *names: str) -> torch.Tensor | None:
        """The tensor by the first of its names that there is, float32; a missing one is told of by `finish`."""
        for name in names:
            if name in self.tensors:
                return self.tensors.pop(name).float()
        self.missing.append(names[0])
        return None

    def finish(self) -> None:
        if self.missing or self.tensors:
            left = sorted(self.tensors)
            raise SystemExit(f'pytorch_model.pt is not that of NExT-GPT with this Vicuna: {len(self.missing)} tensors are missing ({self.missing[:3]}), {len(left)} are not known ({left[:3]}).')


def read(folder: Path) -> Delta:
    """pytorch_model.pt as tensors alone, which runs no code of its."""
    path = folder / 'pytorch_model.pt'
    if not path.is_file():
        raise SystemExit(f'{folder}: no pytorch_model.pt; give the folder of ChocoWu/nextgpt_7b_tiva_v0.')
    return Delta(torch.load(path, map_location='cpu', weights_only=True, mmap=True))


@torch.no_grad()
def merge(model, delta: Delta, alpha: float = 32) -> None:
    """Low-rank pairs into Vicuna's attention, W + (alpha / r) B A, and both tables in place of its own."""
    for index, layer in enumerate(model.model.layers):
        for name in ('q_proj', 'k_proj', 'v_proj', 'o_proj'):
            stem = f'{BEFORE}model.layers.{index}.self_attn.{name}.lora_'
            down, up = (delta.take(f'{stem}{part}.default.weight', f'{stem}{part}.weight') for part in 'AB')
            if down is not None and up is not None:
                weight = getattr(layer.self_attn, name).weight
                weight += ((alpha / len(down)) * up @ down).to(weight.dtype)
    table = delta.take(f'{BEFORE}model.embed_tokens.weight', 'llama_model.model.embed_tokens.weight')
    head = delta.take(f'{BEFORE}lm_head.weight', 'llama_model.lm_head.weight')
    if table is None or head is None:
        return
    words = len(table) - len(ADDED)
    if table.shape != head.shape or words != model.config.vocab_size:
        raise SystemExit(f'the checkpoint has {len(table)} rows of tokens, of which {len(ADDED)} are its own; this Vicuna has {model.config.vocab_size}, expected {words}. It wants Vicuna 7B v0 on LLaMA 1.')
    model.set_input_embeddings(nn.Embedding.from_pretrained(table))
    model.lm_head = nn.Linear(table.shape[1], len(table), bias=False)
    model.lm_head.weight.copy_(head)
    model.config.vocab_size = len(table)


@torch.no_grad()
def input_projection(delta: Delta) -> nn.Linear | None:
    """`llama_proj`, shared by picture, video and sound."""
    weight, bias = delta.take('llama_proj.weight'), delta.take('llama_proj.bias')
    if weight is None or bias is None:
        return None
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.weight.copy_(weight)
    linear.bias.copy_(bias)
    return linear


@torch.no_grad()
def output_projection(delta: Delta, output: str) -> TransformerProjector | None:
    """The projector of one output, in the sizes of its tensors; its count of outputs is that of its queries."""
    prefix = f'{PROJECTORS[output]}.'
    given = {name.removeprefix(prefix): tensor for name, tensor in delta.tensors.items() if name.startswith(prefix)}
    if not {'fc.weight', 'query_embs', 'model.weight', 'tfm.encoder.layers.0.linear1.weight'} <= set(given):
        delta.missing.append(f'{prefix}fc.weight')
        return None
    width, wide = given['fc.weight'].shape
    layers = 1 + max(int(name.split('.')[3]) for name in given if name.startswith('tfm.encoder.layers.'))
    projector = TransformerProjector(wide, len(given['model.weight']), given['query_embs'].shape[1], width, HEADS, len(given['tfm.encoder.layers.0.linear1.weight']), layers)
    for name, parameter in projector.named_parameters():
        tensor = delta.take(prefix + name)
        if tensor is not None:
            parameter.copy_(tensor)
    return projector.eval()


def tokenizer_of(folder: Path):
    """LLaMA's tokenizer with the checkpoint's own tokens behind it, at the ids that added_tokens.json says; spaces beside those are nothing, as in the slow one."""
    from transformers import AddedToken, LlamaTokenizer, LlamaTokenizerFast
    from transformers.convert_slow_tokenizer import convert_slow_tokenizer

    tokenizer = LlamaTokenizerFast(tokenizer_object=convert_slow_tokenizer(LlamaTokenizer(str(folder / 'tokenizer.model'), legacy=True)), clean_up_tokenization_spaces=False)
    listed = {token: index for token, index in json.loads((folder / 'added_tokens.json').read_text()).items() if index >= len(tokenizer)}
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False, lstrip=True, rstrip=True) for token in sorted(listed, key=listed.get)], special_tokens=True)
    wrong = [token for token in ADDED if tokenizer.get_vocab().get(token) != listed.get(token, -1)]
    if wrong:
        raise SystemExit(f'added_tokens.json does not have {wrong[0]} where the vocabulary goes on.')
    return tokenizer
