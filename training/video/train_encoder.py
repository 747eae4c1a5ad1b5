"""Trains the video encoder's head on features computed once: python -m training.video.train_encoder SECONDS. Then exports it.

The joint token is pulled to its caption among the batch's, the others to the words of colour, motion, direction and thing. Writes
language/video-tokens.npz (tokens of clips with captions and labels) and export/video-encoder.
"""
import json
import sys
import time

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F

from training.conditioning import sentence_embeddings
from training.data.nouns import article
from training.encoder.export import shrink, trained
from training.encoder.phrases import COLOUR
from training.paths import work
from training.video.clips import load_shards
from training.video.encoder import VideoEncoder, VideoHead, motion_of

MOTIONS = {"move": "moving", "bounce": "bouncing", "knock": "knocking", "beat": "beating", "flash": "flashing", "spin": "spinning", "grow": "growing", "shrink": "shrinking", "shake": "shaking", "swing": "swinging",
           "fade": "fading", "fall": "falling", "jump": "jumping", "roll": "rolling", "wobble": "wobbling", "blink": "blinking", "float": "floating", "dance": "dancing", "still": "standing still", "animation": "animated"}
WAYS = {"right": "from left to right", "left": "from right to left", "up": "upwards", "down": "downwards", "up right": "diagonally up to the right", "up left": "diagonally up to the left",
        "down right": "diagonally down to the right", "down left": "diagonally down to the left"}
BATCH, RATE = 256, 1.5e-3


def pixels_of(quarters: np.ndarray) -> torch.Tensor:
    """uint8 [n,4,96,96,3] to float32 [n,4,3,96,96] in -1..1."""
    return torch.from_numpy(quarters).permute(0, 1, 4, 2, 3).float() / 127.5 - 1


@torch.inference_mode()
def features(image, quarters: np.ndarray) -> list[torch.Tensor]:
    """Of every clip: gathered, mean, the image encoder's tokens, motion (float16)."""
    out = []
    image = image.to(memory_format=torch.channels_last)
    for at in range(0, len(quarters), 24):
        pixels = pixels_of(quarters[at : at + 24])
        with torch.autocast("cpu", torch.bfloat16):
            gathered, mean = image.features(pixels.flatten(0, 1).contiguous(memory_format=torch.channels_last))
            tokens, _ = image.heads(gathered, mean)
        n = len(pixels)
        out.append((gathered.unflatten(0, (n, 4)).half(), mean.unflatten(0, (n, 4)).half(), tokens.unflatten(0, (n, 4)).half(), motion_of(pixels).half()))
    return [torch.cat(parts) for parts in zip(*out)]


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(5)
    start, seconds = time.time(), float(sys.argv[1])
    arrays, rows = load_shards(("quarters",))
    image = trained()
    cached = features(image, arrays["quarters"])
    print(f"{len(rows)} clips, features after {time.time() - start:.0f} s", flush=True)
    kinds, ways = list(MOTIONS), list(WAYS)
    nouns = sorted({row["noun"] for row in rows})
    captions = [text for row in rows for text in row["captions"]]
    unique = sorted(set(captions), key=len)
    place = {t: i for i, t in enumerate(unique)}
    vectors = torch.from_numpy(sentence_embeddings(unique))
    print(f"{len(unique)} captions after {time.time() - start:.0f} s", flush=True)
    text = torch.tensor([[place[t] for t in row["captions"]] for row in rows])
    things = [article(f"{row['colour']} {row['noun']}" if row["colour"] and row["colour"] not in row["noun"].split() else row["noun"]) for row in rows]
    thing = torch.from_numpy(sentence_embeddings(things))
    tables = {"colour": torch.from_numpy(sentence_embeddings(COLOUR)), "motion": torch.from_numpy(sentence_embeddings([MOTIONS[k] for k in kinds])),
              "direction": torch.from_numpy(sentence_embeddings([WAYS[w] for w in ways])), "noun": torch.from_numpy(sentence_embeddings(nouns))}
    label = {"colour": [COLOUR.index(r["colour"]) if r["colour"] else -1 for r in rows], "motion": [kinds.index(r["kind"]) for r in rows],
             "direction": [ways.index(r["direction"]) if r["direction"] in ways and r["kind"] in ("move", "roll", "fall") else -1 for r in rows], "noun": [nouns.index(r["noun"]) for r in rows]}
    label = {k: torch.tensor(v) for k, v in label.items()}
    split = np.array([r["split"] for r in rows])
    learn, aside = torch.from_numpy(np.flatnonzero(split == "train")), torch.from_numpy(np.flatnonzero(split != "train"))
    head = VideoHead()
    scales = torch.nn.Parameter(torch.full((5,), 15.0).log())
    optimiser = torch.optim.AdamW([*head.parameters(), scales], RATE, weight_decay=0.02)

    def scores(tokens: torch.Tensor, chosen: torch.Tensor) -> dict[str, torch.Tensor]:
        """Loss of each attribute."""
        out = {}
        for k, (name, table) in enumerate(tables.items()):
            want = label[name][chosen]
            if (want >= 0).any():
                out[name] = F.cross_entropy(tokens[want >= 0, 1 + k] @ table.T * scales[k].exp(), want[want >= 0]) + 0.5 * (1 - (tokens[want >= 0, 1 + k] * table[want[want >= 0]]).sum(-1).mean())
        return out

    @torch.inference_mode()
    def measure(name: str, chosen: torch.Tensor) -> dict:
        tokens = head(*(part[chosen].float() for part in cached))[0]
        found = {}
        for k, (attribute, table) in enumerate(tables.items()):
            want = label[attribute][chosen]
            known = want >= 0
            found[attribute] = ((tokens[known, 1 + k] @ table.T).argmax(-1) == want[known]).float().mean().item()
        own = vectors[text[chosen, 0]]
        order = (tokens[:, 0] @ own.T).argsort(1, descending=True)
        same = (own @ own.T > 0.999)
        found["R@1"] = same.gather(1, order[:, :1]).any(1).float().mean().item()
        found["R@5"] = same.gather(1, order[:, :5]).any(1).float().mean().item()
        found["cosine"] = (tokens[:, 0] * own).sum(-1).mean().item()
        # Among the nine words of the same thing with other motions: does it know the motion, not only the thing?
        print(name, len(chosen), json.dumps({k: round(v, 3) for k, v in found.items()}), f"{time.time() - start:.0f} s", flush=True)
        return found

    step, begun = 0, time.time()
    while (left := seconds - (time.time() - begun)) > 0:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 20, left / (0.6 * seconds))
        chosen = learn[torch.randint(len(learn), (BATCH,))]
        gathered, mean, tokens, motion = (part[chosen].float() for part in cached)
        gathered, mean = gathered * (1 + 0.15 * torch.randn_like(gathered)), mean * (1 + 0.15 * torch.randn_like(mean))
        tokens, motion = tokens + 0.02 * torch.randn_like(tokens), motion + 0.02 * torch.randn_like(motion)
        tokens, joint = head(gathered, mean, tokens, motion)
        which = text[chosen, torch.randint(text.shape[1], (BATCH,))]
        said = vectors[which]
        logits = joint @ said.T * scales[4].exp()
        near = (said @ said.T > 0.97).float()
        near = near / near.sum(1, keepdim=True)
        contrast = (F.cross_entropy(logits, near) + F.cross_entropy(logits.T, near)) / 2
        parts = scores(tokens, chosen)
        frames = (1 - (tokens[:, 5:] * thing[chosen][:, None]).sum(-1)).mean()
        loss = contrast + 4 * (1 - (joint * said).sum(-1).mean()) + sum(parts.values()) + frames
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0:
            print(step, f"contrast {contrast.item():.3f}", {k: round(v.item(), 3) for k, v in parts.items()}, f"{time.time() - begun:.0f} s", flush=True)
        step += 1
    report = {"train": measure("train", learn[:600]), "valid": measure("valid", torch.from_numpy(np.flatnonzero(split == "valid"))), "heldOutNouns": measure("held", torch.from_numpy(np.flatnonzero(split == "held")))}
    torch.save({"head": head.state_dict(), "report": report, "steps": step}, work("checkpoints", "video-encoder.pt"))
    head.eval()
    with torch.inference_mode():
        tokens = torch.cat([head(*(part[at : at + 500].float() for part in cached))[0] for at in range(0, len(rows), 500)])
    give = np.concatenate([learn.numpy()[:: max(1, len(learn) // 2600)][:2600], aside.numpy()])
    np.savez(work("language", "video-tokens.npz"), tokens=tokens[give].half().numpy(), captions=[rows[i]["caption"] for i in give], noun=[rows[i]["noun"] for i in give], motion=[MOTIONS[rows[i]["kind"]] for i in give],
             direction=[WAYS.get(rows[i]["direction"], "") if rows[i]["kind"] in ("move", "roll", "fall") else "" for i in give], colour=[rows[i]["colour"] for i in give], split=[rows[i]["split"] for i in give], kind=[rows[i]["kind"] for i in give])
    export(VideoEncoder(image.to(memory_format=torch.contiguous_format), head).eval(), pixels_of(arrays["quarters"][::500]), report)


def export(model: VideoEncoder, pixels: torch.Tensor, report: dict) -> None:
    scratch, target = work("data", "clips", "video-encoder-float32.onnx"), work("export", "video-encoder", "model.onnx")
    torch.onnx.export(model, torch.zeros(1, 4, 3, 96, 96), str(scratch), input_names=["pixels"], output_names=["tokens", "joint"], dynamo=False, opset_version=17,
                      dynamic_axes={"pixels": {0: "batch"}, "tokens": {0: "batch"}, "joint": {0: "batch"}})
    shrink(scratch, target)
    with torch.inference_mode():
        want = model(pixels)[0].numpy()
    for path in (scratch, target):
        got = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(["tokens"], {"pixels": pixels.numpy()})[0]
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, least cosine to torch {(got * want).sum(-1).min():.5f}", flush=True)
    work("export", "video-encoder", "handover.json").write_text(json.dumps({
        "graph": {"pixels": ["batch", 4, 3, 96, 96], "tokens": ["batch", 9, 384], "joint": ["batch", 384]},
        "config": {"size": 96, "mean": [0.5] * 3, "std": [0.5] * 3, "background": [255, 255, 255], "fit": "contain", "frames": 4, "times": "middles of the four quarters"},
        "tokens": ["whole clip (= joint, in the space of sentence embeddings)", "colour", "motion word", "direction", "word of the thing", "first quarter's picture", "second quarter's picture", "third quarter's picture", "last quarter's picture"],
        "tokenLength": 1.0, "bytes": target.stat().st_size, "report": report}, indent=1) + "\n")


if __name__ == "__main__":
    main()
