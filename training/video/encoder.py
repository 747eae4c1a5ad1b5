"""The video encoder: the frozen image encoder on four frames, what moved between them, and nine queries into the sentence encoder's space. Knows no data."""
import torch
import torch.nn.functional as F
from torch import nn

from training.encoder.model import HIGH, INNER, TOKENS, WIDTH, ImageEncoder

QUARTERS, HEADS, SIDE = 4, 4, 12


def motion_of(pixels: torch.Tensor) -> torch.Tensor:
    """How far each of 12 x 12 places is from the ground in each frame, and its change to the next: pixels [B,4,3,96,96] to [B, 7 * 144]."""
    ground = (pixels[..., :1, :1] + pixels[..., :1, -1:] + pixels[..., -1:, :1] + pixels[..., -1:, -1:]) / 4
    apart = F.avg_pool2d((pixels - ground).abs().mean(2), 96 // SIDE).flatten(2)
    return torch.cat([apart, apart[:, 1:] - apart[:, :-1]], 1).flatten(1)


class VideoHead(nn.Module):
    """gathered [B,4,9,192], mean [B,4,192], the image encoder's tokens [B,4,9,384] and motion [B,1008] to tokens [B,9,384] of unit length:

    0 the clip (= joint, near its caption), 1 colour, 2 motion, 3 direction, 4 the thing's word, 5 to 8 what the four frames show.
    """

    def __init__(self):
        super().__init__()
        self.gathered_in, self.mean_in = nn.Linear(INNER, INNER), nn.Linear(HIGH, INNER)
        self.motion_in = nn.Sequential(nn.Linear(7 * SIDE * SIDE, INNER), nn.GELU(), nn.Linear(INNER, 2 * INNER))
        self.frame, self.slot = nn.Parameter(0.05 * torch.randn(1, QUARTERS, 1, INNER)), nn.Parameter(0.05 * torch.randn(1, 1, TOKENS + 1, INNER))
        self.queries = nn.Parameter(0.05 * torch.randn(1, TOKENS, INNER))
        self.keys, self.values, self.ask, self.mix = (nn.Linear(INNER, INNER) for _ in range(4))
        self.up, self.down = nn.Linear(INNER, 2 * INNER), nn.Linear(2 * INNER, INNER)
        self.out = nn.Linear(INNER, WIDTH)
        self.share = nn.Parameter(torch.tensor([0.5, 0.5, 0.0, 0.0, 1.0]))

    def forward(self, gathered, mean, tokens, motion):
        batch = gathered.shape[0]
        moved = self.motion_in(motion).view(batch, 2, INNER)
        seen = torch.cat([self.gathered_in(gathered), self.mean_in(mean)[:, :, None]], 2) + self.frame + self.slot
        seen = torch.cat([seen.flatten(1, 2), moved], 1)
        seen = F.layer_norm(seen, (INNER,))
        asked = self.queries + moved[:, :1]
        split = lambda x: x.view(batch, -1, HEADS, INNER // HEADS).transpose(1, 2)
        weights = (split(self.ask(F.layer_norm(asked, (INNER,)))) @ split(self.keys(seen)).transpose(-1, -2)).mul((INNER // HEADS) ** -0.5).softmax(-1)
        x = asked + self.mix((weights @ split(self.values(seen))).transpose(1, 2).reshape(batch, TOKENS, INNER))
        x = x + self.down(F.gelu(self.up(F.layer_norm(x, (INNER,)))))
        x = self.out(x)
        # The image encoder's own answers: whole, colour, none, none, word; and its whole of each frame.
        average = tokens.mean(1)
        own = torch.stack([average[:, 0], average[:, 1], average[:, 2], average[:, 4], average[:, 6]], 1) * self.share[None, :, None]
        x = x + torch.cat([own, tokens[:, :, 0]], 1)
        x = x / x.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        return x, x[:, 0]


class VideoEncoder(nn.Module):
    """pixels [B,4,3,96,96] in -1..1 to tokens [B,9,384] and joint [B,384]."""

    def __init__(self, image: ImageEncoder, head: VideoHead):
        super().__init__()
        self.image, self.head = image, head

    def forward(self, pixels):
        batch = pixels.shape[0]
        gathered, mean = self.image.features(pixels.flatten(0, 1))
        tokens, _ = self.image.heads(gathered, mean)
        return self.head(gathered.view(batch, QUARTERS, TOKENS, INNER), mean.view(batch, QUARTERS, HIGH), tokens.view(batch, QUARTERS, TOKENS, WIDTH), motion_of(pixels))
