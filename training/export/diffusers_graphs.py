"""Graphs of Stable Diffusion's parts with the ports that Optimum gives them, at any size that is a multiple of a latent cell.

Attention of the UNet is one fused operator. Knows modules; nothing of files, pipelines and bundles.
"""
import warnings
from pathlib import Path

import torch
from torch import nn

#: Names of the axes that may vary, by port.
AXES = {'sample': {0: 'batch', 2: 'height', 3: 'width'}, 'encoder_hidden_states': {0: 'batch', 1: 'tokens'}, 'text_embeds': {0: 'batch'}, 'time_ids': {0: 'batch'}, 'class_labels': {0: 'batch'},
        'out_sample': {0: 'batch', 2: 'height', 3: 'width'}, 'latent_sample': {0: 'batch', 2: 'rows', 3: 'columns'}, 'latent_parameters': {0: 'batch', 2: 'rows', 3: 'columns'},
        'input_ids': {0: 'batch', 1: 'length'}, 'last_hidden_state': {0: 'batch', 1: 'length'}}


class Fused(torch.autograd.Function):
    """softmax(q k^T / sqrt(d)) v of all heads; [b, n, heads * d] each."""

    @staticmethod
    def forward(_, q, k, v, heads: int):
        def split(x):
            return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)

        return nn.functional.scaled_dot_product_attention(split(q), split(k), split(v)).transpose(1, 2).flatten(2)

    @staticmethod
    def symbolic(graph, q, k, v, heads: int):
        return graph.op('com.microsoft::MultiHeadAttention', q, k, v, num_heads_i=heads).setType(q.type())


class FusedProcessor:
    """Attention of a UNet's transformer blocks, which have neither masks nor norms inside."""

    def __call__(self, attention, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None, *args, **kwargs):
        states = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        mixed = Fused.apply(attention.to_q(hidden_states), attention.to_k(states), attention.to_v(states), attention.heads)
        return attention.to_out[0](mixed)


class Padded(nn.Module):
    """A convolution whose input channels are brought to a multiple of 4 by zeros: WebGPU in ONNX Runtime 1.30 computes others wrongly (microsoft/onnxruntime#29651)."""

    def __init__(self, convolution: nn.Conv2d):
        super().__init__()
        more = -convolution.in_channels % 4
        self.more = (0, 0) * (convolution.weight.dim() - 2) + (0, more)
        self.convolution = convolution
        convolution.weight = nn.Parameter(nn.functional.pad(convolution.weight, self.more), requires_grad=False)

    def forward(self, x):
        return self.convolution(nn.functional.pad(x, self.more))


class Unet(nn.Module):
    """`more` is `text_embeds` and `time_ids` of XL, or `class_labels` of unCLIP."""

    def __init__(self, unet, xl: bool):
        super().__init__()
        self.unet, self.xl = unet, xl

    def forward(self, sample, timestep, encoder_hidden_states, *more):
        added = dict(zip(('text_embeds', 'time_ids'), more, strict=True)) if self.xl else None
        labels = more[0] if more and not self.xl else None
        return self.unet(sample, timestep, encoder_hidden_states, class_labels=labels, added_cond_kwargs=added, return_dict=False)[0]


class Tower(nn.Module):
    """Hidden states, those before the last layer and the projected vector as far as they are wanted."""

    def __init__(self, tower, penultimate: bool, projected: bool):
        super().__init__()
        self.tower, self.penultimate, self.projected = tower, penultimate, projected

    def forward(self, input_ids):
        result = self.tower(input_ids, output_hidden_states=self.penultimate)
        states = result.hidden_states[-2] if self.penultimate else result.last_hidden_state
        return (states, result.text_embeds) if self.projected else (states,)


class Seen(nn.Module):
    """CLIP's picture tower to the joint space: its embedding at length 1."""

    def __init__(self, tower):
        super().__init__()
        self.tower = tower

    def forward(self, pixels):
        embedding = self.tower(pixels).image_embeds
        return embedding / embedding.norm(dim=-1, keepdim=True)


class Encoder(nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, sample):
        return self.vae.encode(sample).latent_dist.parameters


class Decoder(nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent_sample):
        return self.vae.decode(latent_sample, return_dict=False)[0]


def export(module: nn.Module, inputs: dict, outputs: list[str], path: Path, axes: dict | None = None) -> None:
    """One graph with all its weights beside it, each in a file of its own where they are large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = AXES | (axes or {})
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')
        torch.onnx.export(module.eval(), tuple(inputs.values()), str(path), input_names=list(inputs), output_names=outputs, dynamo=False, opset_version=18,
                          do_constant_folding=False, custom_opsets={'com.microsoft': 1}, dynamic_axes={port: axes[port] for port in (*inputs, *outputs) if port in axes})


def export_unet(unet, path: Path, fused: bool = True) -> None:
    """The example's size is odd so that the way up takes its sizes from the way down, and any size fits."""
    config, dtype = unet.config, unet.dtype
    if fused:
        unet.set_attn_processor(FusedProcessor())
    elif config.in_channels > 3 and config.in_channels % 4 > 0:
        unet.conv_in = Padded(unet.conv_in)
    xl = config.addition_embed_type == 'text_time'
    generator = torch.Generator().manual_seed(0)
    edge = 2 ** len(config.block_out_channels) + 1
    inputs = {'sample': torch.randn(2, config.in_channels, edge, edge + 2, generator=generator).to(dtype), 'timestep': torch.tensor(500.0),
              'encoder_hidden_states': torch.randn(2, 77, config.cross_attention_dim, generator=generator).to(dtype)}
    if xl:
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        inputs |= {'text_embeds': torch.randn(2, pooled, generator=generator).to(dtype), 'time_ids': torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2).to(dtype)}
    if config.class_embed_type == 'projection':
        inputs |= {'class_labels': torch.randn(2, config.projection_class_embeddings_input_dim, generator=generator).to(dtype)}
    export(Unet(unet, xl), inputs, ['out_sample'], path)


def export_tower(tower, path: Path, states: str, projected: bool) -> None:
    """`states` names the output: `last_hidden_state`, or `hidden_states.N` for those before the last layer."""
    outputs = [states, *(['text_embeds'] if projected else [])]
    export(Tower(tower, states != 'last_hidden_state', projected), {'input_ids': torch.full((2, 77), 1)}, outputs, path,
           {states: {0: 'batch', 1: 'length'}, 'text_embeds': {0: 'batch'}})


def export_picture_tower(tower, path: Path) -> None:
    edge = tower.config.image_size
    export(Seen(tower), {'pixels': torch.zeros(2, 3, edge, edge)}, ['joint'], path, {'pixels': {0: 'batch'}, 'joint': {0: 'batch'}})


def export_encoder(vae, path: Path) -> None:
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    export(Encoder(vae), {'sample': torch.zeros(1, vae.config.in_channels, 4 * factor, 6 * factor, dtype=vae.dtype)}, ['latent_parameters'], path)


def export_decoder(vae, path: Path) -> None:
    """Of an autoencoder of any kind that has latent channels."""
    rows = torch.randn(1, vae.config.latent_channels, 4, 6, generator=torch.Generator().manual_seed(0)).to(vae.dtype)
    export(Decoder(vae), {'latent_sample': rows}, ['sample'], path, {'sample': {0: 'batch', 2: 'height', 3: 'width'}})
