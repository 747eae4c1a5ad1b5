"""The parts of well-known models in their true shapes with random weights: the module, an example, and how its graph is exported.

Shapes are those of the configs that the checkpoints ship; knows nothing of measuring.
"""
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UNet3DConditionModel
from torch import nn
from transformers import ClapTextConfig, ClapTextModelWithProjection, CLIPTextConfig, CLIPTextModel, LlamaConfig, LlamaForCausalLM, SpeechT5HifiGan, SpeechT5HifiGanConfig

from . import audioldm, imagebind
from .causal_parts import CausalParts
from .causal_weights import shape_of, write_weights
from .diffusers_graphs import Decoder, Tower, Unet, export_decoder, export_tower, export_unet
from .imagebind_torch import HUGE, ImageBind, Shape
from .llama_graph import step_graph
from .single_file import TOWERS, VAE, settings
from .video_graphs import Unet3d, export_unet_3d

CROSS, DOWN, UP = 'CrossAttnDownBlock{}D', 'DownBlock{}D', 'UpBlock{}D'


@dataclass
class Part:
    module: nn.Module
    inputs: dict[str, torch.Tensor]
    outputs: list[str]
    export: Callable[[Path], object]
    #: What is called with the inputs where it is not the module itself.
    call: Callable | None = field(default=None)

    def run(self) -> list[torch.Tensor]:
        made = (self.call or self.module)(*self.inputs.values())
        return list(made) if isinstance(made, (tuple, list)) else [made]


def plain(config: dict) -> dict:
    return {key: value for key, value in config.items() if not key.startswith('_')}


def text_tower(kind: str, length: int = 77) -> Part:
    tower = CLIPTextModel(CLIPTextConfig(**TOWERS[kind], vocab_size=49408, max_position_embeddings=77, bos_token_id=49406, eos_token_id=49407)).eval()
    ids = torch.randint(49406, (1, length))
    return Part(tower, {'input_ids': ids}, ['last_hidden_state'], lambda path: export_tower(tower, path, 'last_hidden_state', False), Tower(tower, False, False))


def decoder(config: dict, rows: int, columns: int, write: Callable) -> Part:
    vae = AutoencoderKL(**plain(config)).eval()
    return Part(vae, {'latent_sample': torch.randn(1, vae.config.latent_channels, rows, columns)}, ['sample'], lambda path: write(vae, path), Decoder(vae))


def picture_decoder(given) -> Part:
    return decoder({**VAE, 'scaling_factor': 0.18215}, given.edge // 8, given.edge // 8, export_decoder)


def unet(config: dict, inputs: dict, write: Callable, kind=UNet2DConditionModel, call: Callable = lambda unet: Unet(unet, False)) -> Part:
    made = kind(**plain(config)).eval()
    return Part(made, inputs, ['out_sample'], lambda path: write(made, path), call(made))


def stable_diffusion_unet(given) -> Part:
    rows = given.edge // 8
    return unet(settings('1', 4, 'epsilon')['unet'], {'sample': torch.randn(2, 4, rows, rows), 'timestep': torch.tensor(501.0), 'encoder_hidden_states': torch.randn(2, 77, 768)}, export_unet)


def zeroscope_unet(given) -> Part:
    rows = given.edge // 8
    config = {'in_channels': 4, 'out_channels': 4, 'block_out_channels': (320, 640, 1280, 1280), 'layers_per_block': 2, 'attention_head_dim': 64, 'cross_attention_dim': 1024, 'sample_size': 32,
              'down_block_types': (CROSS.format(3),) * 3 + (DOWN.format(3),), 'up_block_types': (UP.format(3),) + ('CrossAttnUpBlock3D',) * 3}
    inputs = {'sample': torch.randn(2, 4, given.frames, rows, rows), 'timestep': torch.tensor(501.0), 'encoder_hidden_states': torch.randn(2, 77, 1024)}
    return unet(config, inputs, export_unet_3d, UNet3DConditionModel, Unet3d)


def audio_unet(_) -> Part:
    config = {'in_channels': 8, 'out_channels': 8, 'sample_size': 128, 'block_out_channels': (256, 512, 768, 1280), 'layers_per_block': 2, 'attention_head_dim': 8,
              'cross_attention_dim': (256, 512, 768, 1280), 'class_embed_type': 'simple_projection', 'class_embeddings_concat': True, 'projection_class_embeddings_input_dim': 512,
              'down_block_types': (DOWN.format(2),) + (CROSS.format(2),) * 3, 'up_block_types': ('CrossAttnUpBlock2D',) * 3 + (UP.format(2),)}
    inputs = {'sample': torch.randn(2, 8, 64, 16), 'timestep': torch.tensor(501.0), 'class_labels': nn.functional.normalize(torch.randn(2, 512))}
    return unet(config, inputs, audioldm.export_unet, call=audioldm.Unet)


def audio_decoder(_) -> Part:
    config = {**VAE, 'block_out_channels': [128, 256, 512], 'latent_channels': 8, 'in_channels': 1, 'out_channels': 1, 'down_block_types': ['DownEncoderBlock2D'] * 3, 'up_block_types': ['UpDecoderBlock2D'] * 3}
    return decoder(config, 64, 16, export_decoder)


def vocoder(_) -> Part:
    made = SpeechT5HifiGan(SpeechT5HifiGanConfig(model_in_dim=64, sampling_rate=16000, upsample_initial_channel=1024, upsample_rates=[5, 4, 2, 2, 2], upsample_kernel_sizes=[16, 16, 8, 4, 4],
                                                 resblock_kernel_sizes=[3, 7, 11], resblock_dilation_sizes=[[1, 3, 5]] * 3, normalize_before=False)).eval()
    return Part(made, {'spectrogram': torch.randn(1, 256, 64)}, ['waveform'], lambda path: audioldm.export_vocoder(made, path), audioldm.Vocoder(made))


def audio_text_tower(_) -> Part:
    made = ClapTextModelWithProjection(ClapTextConfig(attn_implementation='eager')).eval()
    ids = torch.randint(5, 50000, (1, 24))
    return Part(made, {'input_ids': ids, 'attention_mask': torch.ones_like(ids)}, ['text_embeds'], lambda path: audioldm.export_text_tower(made, path), audioldm.Tower(made))


def sense(modality: str) -> Callable:
    def make(_) -> Part:
        made = ImageBind(Shape({modality: HUGE.trunks[modality]}, HUGE.out, HUGE.vocabulary)).eval()
        name, port, example = imagebind.GRAPHS[modality]

        def write(path: Path) -> None:
            imagebind.export(made, modality, path.parent, 'fp32')
            for file in (path.parent / name).iterdir():
                file.rename(path.parent / file.name)
        return Part(made, {port: example()[:1]}, ['joint'], write, lambda x: made(modality, x))
    return make


def language_model(given) -> Part:
    """LLaMA's 7B with a few of its 32 layers: a step over 64 embeddings, as NExT-GPT gives them, with nothing in the cache."""
    made = LlamaForCausalLM(LlamaConfig(hidden_size=4096, intermediate_size=11008, num_hidden_layers=given.layers, num_attention_heads=32, vocab_size=32000)).eval()
    past = {f'past_{kind}.{layer}': torch.zeros(1, 0, 32, 128) for layer in range(given.layers) for kind in ('key', 'value')}

    def write(path: Path) -> None:
        parts = CausalParts(path.parent, 'fp32')
        write_weights(made, parts)
        parts.close()
        step_graph(shape_of(made), parts, 0).save(path, 'anymodal')

    def call(embeds, *_):
        told = made(inputs_embeds=embeds, output_hidden_states=True, logits_to_keep=1)
        return told.logits, told.hidden_states[-1]
    return Part(made, {'inputs_embeds': torch.randn(1, 64, 4096) * 0.02, 'position_ids': torch.arange(64), **past}, ['logits', 'hidden'], write, call)


MODELS = {
    'stable-diffusion': {'text-tower': lambda _: text_tower('l'), 'unet': stable_diffusion_unet, 'decoder': picture_decoder},
    'audioldm-l': {'text-tower': audio_text_tower, 'unet': audio_unet, 'decoder': audio_decoder, 'vocoder': vocoder},
    'zeroscope': {'text-tower': lambda _: text_tower('h'), 'unet': zeroscope_unet},
    'imagebind': {modality: sense(modality) for modality in imagebind.GRAPHS},
    'language-model': {'layers': language_model},
}
