"""The picture autoencoder: 128 x 128 RGB to 4 x 16 x 16 latents and back. Knows nothing about diffusion.

Convolutions only, channels-last under bf16 autocast when training (ten times faster than float32 on a CPU).
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

LATENT_CHANNELS = 4


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around one normalisation; starts as the identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x):
        return x + self.second(F.silu(self.first(F.silu(self.norm(x)))))


class Encoder(nn.Module):
    """Pixels [B,3,H,W] in -1..1 to raw latents [B,4,H/8,W/8]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, 48, 3, padding=1), ResidualBlock(48),
            nn.PixelUnshuffle(2), nn.Conv2d(192, 96, 1), ResidualBlock(96),
            nn.PixelUnshuffle(2), nn.Conv2d(384, 128, 1), ResidualBlock(128), ResidualBlock(128),
            nn.Conv2d(128, LATENT_CHANNELS, 1))

    def forward(self, pixels):
        return self.layers(pixels)


class Decoder(nn.Module):
    """Raw latents [B,4,h,w] to pixels [B,3,8h,8w], not clamped. The convolutions after the last shuffle remove its dot grid."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(LATENT_CHANNELS, 192, 3, padding=1), ResidualBlock(192), ResidualBlock(192),
            nn.Conv2d(192, 512, 1), nn.PixelShuffle(2), ResidualBlock(128), ResidualBlock(128),
            nn.Conv2d(128, 256, 1), nn.PixelShuffle(2), ResidualBlock(64), ResidualBlock(64),
            nn.Conv2d(64, 64, 1), nn.PixelShuffle(2), nn.Conv2d(16, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 3, 3, padding=1))

    def forward(self, latents):
        return self.layers(latents)


class Autoencoder(nn.Module):
    """Encoder, decoder and the latents' statistics; outside this class latents are normalised, inside they are raw."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
        self.register_buffer("mean", torch.zeros(1, LATENT_CHANNELS, 1, 1))
        self.register_buffer("std", torch.ones(1, LATENT_CHANNELS, 1, 1))

    def encode(self, pixels):
        """Normalised latents [B,4,H/8,W/8]: mean 0 and standard deviation 1 per channel over the training pictures."""
        return (self.encoder(pixels) - self.mean) / self.std

    def decode(self, latents):
        """Pixels of normalised latents."""
        return self.decoder(latents * self.std + self.mean)
