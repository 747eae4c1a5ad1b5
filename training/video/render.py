"""Frames of a moving drawing: a sprite as a still on a ground, and the 16 frames of a motion of it. Knows no captions and no models."""
import numpy as np
import torch
import torch.nn.functional as F

from training.data.motions import FRAMES, Motion

SIZE = 128
GLOW = torch.tensor([1.0, 0.93, 0.55])


def still(sprite: np.ndarray, scale: float = 1.0) -> torch.Tensor:
    """The sprite [128,128,4] at `scale` around the centre, premultiplied, float32 [4,128,128] in 0..1."""
    x = torch.from_numpy(sprite.astype(np.float32) / 255).permute(2, 0, 1)
    x = torch.cat([x[:3] * x[3:], x[3:]])[None]
    if scale != 1:
        theta = torch.tensor([[[1 / scale, 0, 0], [0, 1 / scale, 0]]])
        x = F.grid_sample(x, F.affine_grid(theta, (1, 4, SIZE, SIZE), align_corners=False), mode="bicubic", align_corners=False).clamp(0, 1)
    return x[0]


def floor_of(picture: torch.Tensor) -> float:
    """How far the drawing can sink until it stands on the lower edge, in halves of the picture, at least 0.06."""
    rows = torch.nonzero(picture[3].amax(1) > 0.1)
    return max(0.06, (SIZE - 2 - float(rows.max() if len(rows) else SIZE - 8)) / (SIZE / 2))


def frames_of(picture: torch.Tensor, motion: Motion, ground: tuple[int, int, int]) -> tuple[torch.Tensor, np.ndarray]:
    """Frames float32 [16,3,128,128] in 0..1 on the ground's colour, and the matrices [16,2,3] that place them."""
    theta = motion.matrices()
    source = picture[None].expand(FRAMES, -1, -1, -1)
    small = min(motion.wide.min(), motion.high.min()) < 0.62
    soft = F.avg_pool2d(picture[None], 3, 1, 1)[0] if small else picture
    shrunk = torch.from_numpy((motion.wide < 0.62) | (motion.high < 0.62)).view(-1, 1, 1, 1)
    if small:
        source = torch.where(shrunk, soft, picture)

    def placed(matrices: torch.Tensor) -> torch.Tensor:
        return F.grid_sample(source, F.affine_grid(matrices, (FRAMES, 4, SIZE, SIZE), align_corners=False), mode="bilinear", align_corners=False)

    matrices = torch.from_numpy(theta)
    moved = placed(matrices)
    if motion.wrap:
        # The other copy is one length behind, so that the drawing comes in while it goes out.
        forward = torch.linalg.inv(matrices[:, :, :2])
        way = np.stack([motion.x, motion.y], 1)
        for axis in range(2):
            for side in (-1, 1):
                if np.abs(way[:, axis]).max() < 0.3:
                    continue
                shift = torch.zeros(FRAMES, 2, 1)
                shift[:, axis] = side * motion.wrap
                other = matrices.clone()
                other[:, :, 2:] = matrices[:, :, 2:] - torch.linalg.inv(forward) @ shift
                moved = moved + placed(other) * (1 - moved[:, 3:])
    moved = moved * torch.from_numpy(motion.opacity.astype(np.float32)).view(-1, 1, 1, 1)
    light = torch.from_numpy(motion.light.astype(np.float32)).view(-1, 1, 1, 1)
    colour, alpha = moved[:, :3], moved[:, 3:]
    back = torch.tensor(ground, dtype=torch.float32).view(1, 3, 1, 1) / 255
    if motion.light.max() > 0:
        colour = colour + light * 0.75 * (alpha - colour)
        halo = F.avg_pool2d(F.avg_pool2d(picture[3:][None], 25, 1, 12), 25, 1, 12).clamp(0, 1).sqrt()
        back = back + (light * 0.9 * halo) * (GLOW.view(1, 3, 1, 1) - back)
    return (colour + back * (1 - alpha)).clamp(0, 1), theta
