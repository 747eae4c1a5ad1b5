"""Any decoder of transformers as the two graphs of a language model: embeddings, positions and past slices in, logits, states and new slices out.

By tracing the model's own code, for architectures that have no graph written by hand. Knows no tokenizer and no prompt.
"""
from pathlib import Path

import torch
from torch import nn
from transformers import DynamicCache


class Step(nn.Module):
    """inputs_embeds [1,n,d], position_ids [n], past_key.i and past_value.i [1,t,kv heads,head width] to logits [1,1,V], hidden [1,n,d] and the new slices."""

    def __init__(self, decoder: nn.Module, head: nn.Module, layers: int):
        super().__init__()
        self.decoder, self.head, self.layers = decoder, head, layers

    def forward(self, inputs_embeds, position_ids, *past):
        cache, old, new = DynamicCache(), past[0].shape[1], inputs_embeds.shape[1]
        for layer in range(self.layers):
            cache.update(past[2 * layer].transpose(1, 2), past[2 * layer + 1].transpose(1, 2), layer)
        rows, columns = torch.arange(new) + old, torch.arange(old + new)
        mask = torch.where(columns[None] > rows[:, None], torch.finfo(torch.float32).min, 0.0)[None, None]
        hidden = self.decoder(inputs_embeds=inputs_embeds, attention_mask=mask, position_ids=position_ids[None], past_key_values=cache, use_cache=True,
                              cache_position=rows).last_hidden_state
        slices = [part[:, :, old:].transpose(1, 2) for layer in cache.layers for part in (layer.keys, layer.values)]
        return (self.head(hidden[:, -1:]), hidden, *slices)


def shape_of(model) -> dict:
    """Sizes of the graphs as the config of `causal-lm` names them."""
    config = model.config
    heads = config.num_attention_heads
    return {'layers': config.num_hidden_layers, 'kvHeads': getattr(config, 'num_key_value_heads', None) or heads,
            'headDim': getattr(config, 'head_dim', None) or config.hidden_size // heads, 'modelWidth': config.hidden_size,
            'vocabulary': model.get_output_embeddings().weight.shape[0], 'contextLength': config.max_position_embeddings}


@torch.no_grad()
def export_step(model, path: Path) -> None:
    """The step graph of a causal language model. Its attention is computed eagerly, by plain products."""
    shape, model = shape_of(model), model.eval().float()
    model.set_attn_implementation('eager')
    layers, slot = shape['layers'], (1, 3, shape['kvHeads'], shape['headDim'])
    past = [torch.randn(slot) for _ in range(2 * layers)]
    named = [f'{kind}.{layer}' for layer in range(layers) for kind in ('key', 'value')]
    axes = {'inputs_embeds': {1: 'n'}, 'position_ids': {0: 'n'}, 'hidden': {1: 'n'}} | {f'past_{name}': {1: 't'} for name in named} | {f'new_{name}': {1: 'n'} for name in named}
    torch.onnx.export(Step(model.get_decoder(), model.get_output_embeddings(), layers), (torch.randn(1, 2, shape['modelWidth']), torch.tensor([3, 4]), *past), str(path),
                      input_names=['inputs_embeds', 'position_ids', *(f'past_{name}' for name in named)], output_names=['logits', 'hidden', *(f'new_{name}' for name in named)],
                      dynamic_axes=axes, opset_version=17, dynamo=False)


@torch.no_grad()
def export_embedding(model, path: Path) -> None:
    """`input_ids` [1,n] to `embeds` [1,n,d]."""
    torch.onnx.export(model.get_input_embeddings().float(), (torch.tensor([[1, 2]]),), str(path), input_names=['input_ids'], output_names=['embeds'],
                      dynamic_axes={'input_ids': {1: 'n'}, 'embeds': {1: 'n'}}, opset_version=17, dynamo=False)
