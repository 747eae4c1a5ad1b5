"""Checkpoints from the shipped graphs, where those of the training are lost: python -m training.image.restore.

Writes autoencoder.pt, autoencoder.json and transformer-stable.pt, whose weights are those of 8 bits; `train_transformer --resume` warms its optimiser up again.
Which initialiser of a graph holds which parameter is found by exporting the same module with random weights. Knows nothing about training.
"""
import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from training.image.autoencoder import Autoencoder
from training.image.export import Decode, Denoise, Encode, export
from training.image.transformer import Transformer
from training.paths import work

SHIPPED = Path(__file__).parents[2] / "models" / "nano" / "image"
#: Samples that the shipped transformer has seen; model card.
BATCH = 64


def expanded(path: Path) -> dict[str, np.ndarray]:
    """Every weight of a shipped graph as float32, by the name it had before it was shrunk (`export.to_bytes`)."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    found = {}
    for name, value in stored.items():
        if name.endswith(".whole"):
            base = name.removesuffix(".whole")
            found[base] = (value.astype(np.float32) * stored[base + ".scale"].astype(np.float32)).reshape(stored[base + ".shape"])
        elif name.endswith(".half"):
            found[name.removesuffix(".half")] = value.astype(np.float32)
        elif value.dtype == np.float32 and not name.endswith(".scale"):
            found[name] = value
    return found


def adopt(module: torch.nn.Module, part: torch.nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str], path: Path) -> list[str]:
    """Sets the parameters and buffers of `part`, which lies in the exported `module`, to what the shipped graph at `path` holds; the names of those that it does not hold."""
    with torch.no_grad():
        for value in part.state_dict().values():
            value.copy_(torch.randn_like(value))
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        fresh = {tensor.name: numpy_helper.to_array(tensor) for tensor in export(module, inputs, outputs, Path(folder) / "fresh.onnx").graph.initializer}
    shipped, missing = expanded(path), []
    for name, value in part.state_dict().items():
        wanted = value.numpy()
        for initialiser, random in fresh.items():
            if random.size != wanted.size or initialiser not in shipped:
                continue
            turned = random.ndim == 2 and wanted.ndim == 2 and random.shape == wanted.shape[::-1] and np.array_equal(random.T, wanted)
            if turned or np.array_equal(random.ravel(), wanted.ravel()):
                held = shipped[initialiser]
                value.copy_(torch.from_numpy(np.ascontiguousarray(held.T if turned else held.reshape(wanted.shape))))
                break
        else:
            missing.append(name)
    return missing


def main() -> None:
    autoencoder, transformer = Autoencoder(), Transformer()
    pixels, latents = torch.rand(2, 3, 128, 128) * 2 - 1, torch.randn(2, 4, 16, 16)
    tokens = torch.randn(2, 16, 384)
    lost = {
        "encoder": adopt(Encode(autoencoder), autoencoder.encoder, {"pixels": pixels}, ["latents"], SHIPPED / "latent-encoder.onnx"),
        "decoder": adopt(Decode(autoencoder), autoencoder.decoder, {"latents": latents}, ["pixels"], SHIPPED / "latent-decoder.onnx"),
        "transformer": adopt(Denoise(transformer), transformer, {"latents": latents, "source": torch.randn(2, 4, 16, 16), "mask": torch.ones(2, 1, 16, 16), "timestep": torch.tensor([0.9, 0.3]), "tokens": tokens},
                             ["velocity", "copied"], SHIPPED / "transformer.onnx"),
    }
    print(lost)
    statistics = expanded(SHIPPED / "latent-encoder.onnx")
    autoencoder.mean.copy_(torch.from_numpy(statistics["autoencoder.mean"]))
    autoencoder.std.copy_(torch.from_numpy(statistics["autoencoder.std"]))
    torch.save(autoencoder.state_dict(), work("checkpoints", "autoencoder.pt"))
    work("checkpoints", "autoencoder.json").write_text(json.dumps({"from": "the shipped graphs"}))
    card = json.loads((SHIPPED.parent / "bundle.json").read_text())
    samples = int(card.get("samples", 749_696))
    masters = {name: value.detach().clone() for name, value in transformer.named_parameters()}
    average = {name: value.clone() for name, value in transformer.state_dict().items()}
    torch.save({"shape": transformer.shape, "step": samples // BATCH, "batch": BATCH, "average": average, "loss": None, "editLoss": None,
                "optimiser": {"masters": masters, "momentum": {}, "square": {}, "steps": 0}}, work("checkpoints", "transformer-stable.pt"))


if __name__ == "__main__":
    main()
