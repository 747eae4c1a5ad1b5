"""Trains the autoencoder on sprites over coloured backgrounds: python -m training.image.train_autoencoder --minutes 12.

L1 and gradient loss; the decoder must also answer to latents that were scaled, turned or flipped (EQ-VAE, arXiv 2502.09509), so that
equal things have equal latents anywhere. Knows nothing about captions.
"""
import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F

from training.data import sprites
from training.image.autoencoder import Autoencoder
from training.paths import work


def composite(rgba: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """Sprites uint8 [B,H,W,4] over colours [B,3] in 0..1, to pixels [B,3,H,W] in -1..1, channels last."""
    picture = rgba.float() / 255
    alpha = picture[..., 3:]
    picture = picture[..., :3] * alpha + background[:, None, None] * (1 - alpha)
    return (picture * 2 - 1).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def batch_of(pictures: np.ndarray, index: np.ndarray, random: np.random.Generator) -> torch.Tensor:
    """Training pictures: a third on a coloured background, a quarter with shuffled colour channels, some shrunk, half flipped."""
    rgba = torch.from_numpy(pictures[np.sort(index)])
    count = len(index)
    coloured = torch.from_numpy(random.random((count, 3)).astype(np.float32))
    white = torch.from_numpy(random.random(count) < 0.65)
    pixels = composite(rgba, torch.where(white[:, None], torch.ones(count, 3), coloured))
    part = count // 4
    pixels[:part] = pixels[:part, torch.from_numpy(random.permutation(3))]
    if random.random() < 0.5:
        pixels = pixels.flip(3)
    if random.random() < 0.15:  # four small sprites in one picture
        small = F.interpolate(pixels, scale_factor=0.5, mode="bilinear", antialias=True)
        rows = [small.roll(k, 0) for k in range(4)]
        pixels = torch.cat([torch.cat(rows[:2], 3), torch.cat(rows[2:], 3)], 2)
    return pixels.contiguous(memory_format=torch.channels_last)


def gradients(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def difference(got: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    edges = sum(F.l1_loss(a, b) for a, b in zip(gradients(got), gradients(expected)))
    return F.l1_loss(got, expected) + 0.5 * F.mse_loss(got, expected) + edges


def moved(latents: torch.Tensor, pixels: torch.Tensor, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The same random scale, turn or flip of latents and pixels."""
    kind = random.integers(3)
    if kind == 0:
        side = int(random.choice([8, 10, 12]))
        return (F.interpolate(latents, size=(side, side), mode="bilinear", antialias=True),
                F.interpolate(pixels, size=(8 * side, 8 * side), mode="bilinear", antialias=True))
    if kind == 1:
        turns = int(random.integers(1, 4))
        return latents.rot90(turns, (2, 3)), pixels.rot90(turns, (2, 3))
    return latents.flip(3), pixels.flip(3)


def psnr(model: Autoencoder, pictures: np.ndarray) -> tuple[float, torch.Tensor]:
    """Mean over pictures of the PSNR in dB on white, and the first reconstructions."""
    values, first = [], []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(pictures), 64):
            pixels = composite(torch.from_numpy(pictures[start : start + 64]), torch.ones(len(pictures[start : start + 64]), 3))
            got = model.decoder(model.encoder(pixels)).float().clamp(-1, 1)
            values.append(-10 * torch.log10(((got - pixels) ** 2).mean((1, 2, 3)) / 4))
            first.append(torch.cat([pixels[:12], got[:12]]))
    return torch.cat(values).mean().item(), first[0]


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--minutes", type=float, default=12)
    arguments.add_argument("--batch", type=int, default=24)
    arguments.add_argument("--rate", type=float, default=2e-3)
    arguments.add_argument("--resume", action="store_true", help="go on from checkpoints/autoencoder.pt with a new schedule")
    arguments.add_argument("--decoder-only", action="store_true", help="keep the encoder, so that latents computed before stay valid; goes with --resume")
    options = arguments.parse_args()
    if options.decoder_only and not options.resume:
        arguments.error("--decoder-only needs --resume: an untrained encoder is not worth keeping")
    torch.manual_seed(0)
    torch.set_num_threads(2)
    path = work("checkpoints", "autoencoder.pt")
    figures = work("checkpoints", "autoencoder.json")
    before = json.loads(figures.read_text())["pictures"] if options.resume else 0
    random = np.random.default_rng(before)
    pictures = np.load(work("data", "sprites.npy"))
    table = json.loads(work("data", "sprites.json").read_text())
    family = np.array([entry["family"] for entry in table])
    train, held = np.flatnonzero(family != sprites.HELD_OUT), np.flatnonzero(family == sprites.HELD_OUT)
    model = Autoencoder().to(memory_format=torch.channels_last)
    if options.resume:
        model.load_state_dict(torch.load(path, weights_only=True))
    model.encoder.requires_grad_(not options.decoder_only)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], options.rate, betas=(0.9, 0.99), weight_decay=1e-3)
    encoder, decoder = (sum(p.numel() for p in part.parameters()) for part in (model.encoder, model.decoder))
    print(f"encoder {encoder / 1e6:.2f}M decoder {decoder / 1e6:.2f}M, {len(train)} sprites", flush=True)
    start, step, mean_loss = time.time(), 0, None
    while (done := (time.time() - start) / (60 * options.minutes)) < 1:
        rate = options.rate * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        pixels = batch_of(pictures, random.choice(train, options.batch), random)
        with torch.autocast("cpu", torch.bfloat16):
            latents = model.encoder(pixels)
            expected = pixels
            given = latents + 0.06 * latents.detach().float().std() * torch.randn_like(latents)
            if random.random() < 0.3:
                given, expected = moved(given.float(), pixels, random)
            got = model.decoder(given)
        loss = difference(got.float(), expected) + 1e-3 * latents.float().square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        mean_loss = loss.item() if mean_loss is None else 0.98 * mean_loss + 0.02 * loss.item()
        if step in (10, 50) or step % 200 == 0:
            print(f"step {step} loss {mean_loss:.4f} {step * options.batch / (time.time() - start):.0f} img/s", flush=True)
    model.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        sample = torch.cat([model.encoder(batch_of(pictures, random.choice(train, 64), random)).float() for _ in range(24)])
    if not options.decoder_only:
        model.mean.copy_(sample.mean((0, 2, 3), keepdim=True))
        model.std.copy_(sample.std((0, 2, 3), keepdim=True))
    held_out, shown = psnr(model, pictures[held])
    seen, _ = psnr(model, pictures[train[:: max(1, len(train) // 300)]])
    print(f"PSNR held-out {held_out:.2f} dB, training {seen:.2f} dB, {before + step * options.batch} pictures, latent std {model.std.flatten().tolist()}")
    torch.save(model.state_dict(), path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    figures.write_text(json.dumps({"psnrHeldOut": held_out, "psnrTraining": seen, "pictures": before + step * options.batch}))
    from training.image.sheet import save_sheet

    save_sheet(shown, work("sheets", "autoencoder.png"), columns=12)


if __name__ == "__main__":
    main()
