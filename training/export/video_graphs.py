"""The graph of a UNet over frames (UNet3DConditionModel), at any count of frames and any size that is a multiple of a latent cell.

Attention is one fused operator. Knows modules; nothing of files, pipelines and bundles.
"""
from pathlib import Path
from unittest import mock

import torch
from torch import nn

from .diffusers_graphs import FusedProcessor, export

AXES = {'sample': {0: 'batch', 2: 'frames', 3: 'height', 4: 'width'}, 'encoder_hidden_states': {0: 'batch', 1: 'tokens'},
        'out_sample': {0: 'batch', 2: 'frames', 3: 'height', 4: 'width'}}


def repeated(x: torch.Tensor, times, dim: int = 0, output_size=None) -> torch.Tensor:
    """`Tensor.repeat_interleave` along the first axis; the one of torch fixes the count of frames in a trace."""
    assert dim == 0
    return x[:, None].expand(x.shape[0], times, *x.shape[1:]).reshape(-1, *x.shape[1:])


class Unet3d(nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, encoder_hidden_states):
        with mock.patch.object(torch.Tensor, 'repeat_interleave', repeated):
            return self.unet(sample, timestep, encoder_hidden_states, return_dict=False)[0]


def export_unet_3d(unet, path: Path, fused: bool = True) -> None:
    """The example's size is odd so that the way up takes its sizes from the way down, and any size fits."""
    config, dtype = unet.config, unet.dtype
    if fused:
        unet.set_attn_processor(FusedProcessor())
    generator = torch.Generator().manual_seed(0)
    edge = 2 ** len(config.block_out_channels) + 1
    inputs = {'sample': torch.randn(2, config.in_channels, 3, edge, edge + 2, generator=generator).to(dtype), 'timestep': torch.tensor(500.0),
              'encoder_hidden_states': torch.randn(2, 77, config.cross_attention_dim, generator=generator).to(dtype)}
    export(Unet3d(unet), inputs, ['out_sample'], path, AXES)
