"""all-MiniLM-L6-v2 as an ONNX graph: token states and the pooled embedding, float32 and small quantised variants.

Usage: python -m training.export.sentence_encoder [TUNING_STEPS] [--quick]. Knows nothing of what reads the embeddings. The small file holds matrices and the
word table at 4 or 8 bits a weight in blocks, scales in float16 behind a Cast that ONNX Runtime folds at load.
"""
import copy
import importlib.metadata
import json
import random
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from transformers import AutoModel, AutoTokenizer

from training.conditioning import model_folder
from training.encoder.sentence_grid import GridLinear, linear_names, quantise_layers, tune
from training.paths import work

LIMIT = 13_000_000  # bytes of the shipped file
TABLE_BLOCK, LAYER_BLOCK = 64, 32
POSITIONS = 256  # the length the model was trained for; the checkpoint's table has 512
CHECK = ['a red apple', 'two green frogs on a blue background', 'puppy', 'automobile', 'a cat with a hat, flat style', 'C major scale on a piano',
         'make the house yellow and put a tree on the left', 'rain and thunder', 'hello', 'The quick brown fox jumps over the lazy dog.',
         'a rocket flies from left to right', 'dog barks twice', 'sunflower', 'a small castle in the mountains at night', 'violin', '3 balloons',
         'an orange fish', 'sailing boat', 'What is the capital of France?', 'Photosynthesis converts light into chemical energy.']


class SentenceEncoder(nn.Module):
    """BERT in plain products: input_ids, attention_mask [1, n] -> tokens [1, n, 384], embedding [1, 384] of unit length."""

    def __init__(self, source):
        super().__init__()
        self.embeddings, self.layers, self.heads = source.embeddings, source.encoder.layer, source.config.num_attention_heads
        positions = source.embeddings.position_embeddings.weight[:POSITIONS] + source.embeddings.token_type_embeddings.weight[0]
        self.register_buffer('positions', positions.detach().clone())

    def forward(self, input_ids, attention_mask):
        x = nn.functional.embedding(input_ids, self.embeddings.word_embeddings.weight) + self.positions[:input_ids.shape[1]]
        x = self.embeddings.LayerNorm(x)
        mask = attention_mask.to(x.dtype)
        bias = (1 - mask)[:, None, None, :] * -1e9
        width = x.shape[-1]
        for layer in self.layers:
            attention = layer.attention
            q, k, v = (linear(x).view(1, -1, self.heads, width // self.heads).transpose(1, 2)
                       for linear in (attention.self.query, attention.self.key, attention.self.value))
            weights = (q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5 + bias).softmax(-1)
            mixed = (weights @ v).transpose(1, 2).reshape(1, -1, width)
            x = attention.output.LayerNorm(attention.output.dense(mixed) + x)
            x = layer.output.LayerNorm(layer.output.dense(nn.functional.gelu(layer.intermediate.dense(x))) + x)
        pooled = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return x, pooled / pooled.norm(dim=-1, keepdim=True).clamp(min=1e-9)


def export_float(model: SentenceEncoder, path: Path) -> None:
    ids = torch.tensor([[101, 1037, 2417, 6207, 102]])
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(model, (ids, torch.ones_like(ids)), str(path), input_names=['input_ids', 'attention_mask'],
                      output_names=['tokens', 'embedding'], dynamo=False, opset_version=17,
                      dynamic_axes={'input_ids': {1: 'n'}, 'attention_mask': {1: 'n'}, 'tokens': {1: 'n'}})


def quantise_blocks(rows: np.ndarray, bits: int, block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows [r, c] to codes uint8 [r, c], float16 scales and uint8 zero points [r, c / block].

    Asymmetric; per block the best of several shrunken ranges by squared error, with the rounding of scale and zero point in it.
    """
    blocks = rows.reshape(rows.shape[0], -1, block).astype(np.float32)
    top = 2 ** bits - 1
    low, high = np.minimum(blocks.min(-1), 0), np.maximum(blocks.max(-1), 0)
    best = np.full(low.shape, np.inf, np.float32)
    codes, scales, zeros = np.zeros(blocks.shape, np.uint8), np.zeros(low.shape, np.float16), np.zeros(low.shape, np.uint8)
    for shrink in np.linspace(1.0, 0.7, 13) if bits <= 4 else [1.0]:
        scale = np.maximum((high - low) * shrink / top, 1e-7).astype(np.float16)
        wide = scale.astype(np.float32)
        zero = np.clip(np.round(-low * shrink / wide), 0, top)
        code = np.clip(np.round(blocks / wide[..., None]) + zero[..., None], 0, top)
        error = (((code - zero[..., None]) * wide[..., None] - blocks) ** 2).sum(-1)
        better = error < best
        best[better], scales[better], zeros[better], codes[better] = error[better], scale[better], zero[better], code[better]
    return codes.reshape(rows.shape), scales, zeros


def pack(codes: np.ndarray) -> np.ndarray:
    """Pairs of 4-bit codes along the last axis to bytes, the first in the low half; an odd last one is padded."""
    if codes.shape[-1] % 2:
        codes = np.concatenate([codes, np.zeros_like(codes[..., :1])], -1)
    return codes[..., 0::2] | (codes[..., 1::2] << 4)


def quantise(source: Path, target: Path, table_bits: int, layer_bits: int, table_block: int = TABLE_BLOCK, layer_block: int = LAYER_BLOCK, grids=None) -> None:
    """Rewrites the float graph: matrices to MatMulNBits, the word table to GatherBlockQuantized, the rest to float16 behind Cast.

    `grids` lists (codes, scales, zeros) of the matrices in the order of the graph where they are given; else they are rounded here.
    """
    grids = iter(grids) if grids else None
    model = onnx.load(source)
    graph = model.graph
    weights = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    nodes, initializers, done = [], [], set()

    def half(name: str, value: np.ndarray) -> str:
        """Stores float16 and returns the name of its float32 Cast."""
        if name not in done:
            done.add(name)
            initializers.append(numpy_helper.from_array(value.astype(np.float16), name + '.half'))
            nodes.insert(0, helper.make_node('Cast', [name + '.half'], [name], to=TensorProto.FLOAT))
        return name

    def raw(name: str, value: np.ndarray, bits: int | None = None) -> str:
        if bits == 4:  # ONNX's own 4-bit type, two codes a byte over the flattened array
            initializers.append(helper.make_tensor(name, TensorProto.UINT4, value.shape, pack(value.reshape(1, -1)).tobytes(), raw=True))
        else:
            initializers.append(numpy_helper.from_array(value, name))
        return name

    body = []
    for node in graph.node:
        if node.op_type == 'Gather' and node.input[0] in weights and weights[node.input[0]].shape[0] > 10000:
            codes, scales, zeros = quantise_blocks(weights[node.input[0]], table_bits, table_block)
            name = 'word_table'
            body.append(helper.make_node(
                'GatherBlockQuantized',
                [raw(name + '.codes', codes, table_bits), node.input[1], half(name + '.scales', scales), raw(name + '.zeros', zeros, table_bits)],
                list(node.output), domain='com.microsoft', gather_axis=0, quantize_axis=1, block_size=table_block,
                **({'bits': 8} if table_bits == 8 else {})))
            done.add(node.input[0])
        elif node.op_type == 'MatMul' and node.input[1] in weights and weights[node.input[1]].ndim == 2:
            matrix = weights[node.input[1]].T  # [out, in]
            n, k = matrix.shape
            codes, scales, zeros = next(grids) if grids else quantise_blocks(matrix, layer_bits, layer_block)
            blob = codes.reshape(n, k // layer_block, layer_block)
            name = node.name.strip('/').replace('/', '.')
            body.append(helper.make_node(
                'MatMulNBits', [node.input[0], raw(name + '.codes', pack(blob) if layer_bits == 4 else blob),
                                half(name + '.scales', scales.reshape(-1)), raw(name + '.zeros', (pack(zeros) if layer_bits == 4 else zeros).reshape(-1))],
                list(node.output), domain='com.microsoft', K=k, N=n, bits=layer_bits, block_size=layer_block, accuracy_level=1))
            done.add(node.input[1])
        else:
            body.append(node)
    used = {i for node in body for i in node.input}
    for name, value in weights.items():
        if name in used and name not in done:
            if value.dtype == np.float32 and value.size > 64:
                half(name, value)
            else:
                initializers.append(numpy_helper.from_array(value, name))
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes + body)
    graph.initializer.extend(initializers)
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid('', 17), helper.make_opsetid('com.microsoft', 1)])
    model.ir_version = 10
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, target)


def outputs(path: Path, batches: list[dict]) -> list[list[np.ndarray]]:
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return [session.run(['tokens', 'embedding'], {k: v.numpy() for k, v in b.items()}) for b in batches]


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def compare(name: str, path: Path, reference, batches) -> tuple[float, float]:
    got = outputs(path, batches)
    tokens = np.concatenate([cosine(a[0][0], b[0][0]) for a, b in zip(reference, got)])
    pooled = np.concatenate([cosine(a[1], b[1]) for a, b in zip(reference, got)])
    print(f'{name:34s} {path.stat().st_size / 1e6:6.2f} MB  embedding cosine mean {pooled.mean():.4f} min {pooled.min():.4f}  '
          f'tokens mean {tokens.mean():.4f} min {tokens.min():.4f}', flush=True)
    return float(pooled.mean()), float(tokens.mean())


def calibration(tokenizer, count: int = 1600, size: int = 32) -> list[dict]:
    """Padded batches of texts: three quarters captions and instructions of the picture data, one quarter plain English."""
    texts = json.loads(work('data', 'texts.json').read_text())
    english = [line for d in importlib.metadata.distributions() for line in re.findall(r'[A-Z][a-z][^\n.<>|`#*=\[\]{}]{30,160}\.', d.metadata.get_payload() or '')]
    dice = random.Random(3)
    chosen = dice.sample(texts, count * 3 // 4) + dice.sample(sorted(set(english)), min(count // 4, len(set(english))))
    dice.shuffle(chosen)
    return [{k: v for k, v in tokenizer(chosen[i:i + size], return_tensors='pt', padding=True, truncation=True, max_length=48).items() if k != 'token_type_ids'}
            for i in range(0, len(chosen), size)]


def grid_of(layer: GridLinear) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return layer.codes.numpy().astype(np.uint8), layer.scale.detach().numpy().astype(np.float16), layer.zeros.numpy().astype(np.uint8)


def on_grid(plain, batches: list[dict]):
    """A copy of the model with its word table rounded and its matrices on the 4-bit grid."""
    model = copy.deepcopy(plain)
    table = model.embeddings.word_embeddings.weight
    codes, scales, zeros = quantise_blocks(table.detach().numpy(), 4, TABLE_BLOCK)
    wide = (codes.reshape(len(codes), -1, TABLE_BLOCK).astype(np.float32) - zeros[..., None]) * scales[..., None].astype(np.float32)
    table.data.copy_(torch.from_numpy(wide.reshape(table.shape)))
    quantise_layers(model, batches, LAYER_BLOCK, set())
    return model


def write_grid(model, plain, path: Path, scratch: Path) -> None:
    """The graph of a model on the grid: dense again, exported, and its matrices replaced by the grids they came from."""
    model, grids = copy.deepcopy(model), []
    for layer in model.encoder.layer:
        for name in linear_names():
            parent, leaf = name.rsplit('.', 1)
            grid = layer.get_submodule(name)
            dense = nn.Linear(grid.codes.shape[1], len(grid.codes))
            dense.weight.data, dense.bias.data = grid.weight().detach(), grid.bias.detach()
            setattr(layer.get_submodule(parent), leaf, dense)
            grids.append(grid_of(grid))
    model.embeddings.word_embeddings.weight.data.copy_(plain.embeddings.word_embeddings.weight.data)  # rounded again to the same codes
    export_float(SentenceEncoder(model).eval(), scratch / 'grid.onnx')
    quantise(scratch / 'grid.onnx', path, 4, 4, grids=grids)


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    out, scratch = work('export', 'sentence-encoder', 'model.onnx').parent, work('sentence-encoder', 'x').parent
    source = model_folder()
    tokenizer = AutoTokenizer.from_pretrained(source)
    plain = AutoModel.from_pretrained(source, dtype=torch.float32, attn_implementation='eager').eval()
    batches = [{k: v for k, v in tokenizer(text, return_tensors='pt').items() if k != 'token_type_ids'} for text in CHECK]
    reference = []
    with torch.no_grad():
        for batch in batches:
            hidden = plain(**batch).last_hidden_state
            reference.append([hidden.numpy(), nn.functional.normalize(hidden.mean(1), dim=-1).numpy()])
        export_float(SentenceEncoder(plain).eval(), scratch / 'float32.onnx')
    compare('float32', scratch / 'float32.onnx', reference, batches)
    variants = [] if '--quick' in sys.argv else [(8, 64, 8, 32), (4, 64, 8, 32), (8, 64, 4, 32), (4, 64, 4, 32), (4, 64, 4, 64)]
    for table_bits, table_block, layer_bits, layer_block in variants:
        path = scratch / f'table{table_bits}-{table_block}-layers{layer_bits}-{layer_block}.onnx'
        quantise(scratch / 'float32.onnx', path, table_bits, layer_bits, table_block, layer_block)
        compare(path.stem, path, reference, batches)
    samples = calibration(tokenizer)
    model = on_grid(plain, samples[:24])
    path, best = scratch / 'gptq.onnx', scratch / 'shipped.onnx'
    write_grid(model, plain, path, scratch)
    quality = compare('table4-64-layers4-32 GPTQ', path, reference, batches)
    if steps:
        tune(model, plain, samples, steps)
        write_grid(model, plain, best, scratch)
        if sum(compare('table4-64-layers4-32 GPTQ, tuned', best, reference, batches)) > sum(quality):
            path = best
    if path.stat().st_size > LIMIT:
        raise SystemExit(f'{path} has {path.stat().st_size} bytes, more than {LIMIT}')
    shutil.copy(path, out / 'model.onnx')
    tokenizer.backend_tokenizer.no_padding()  # the caller cuts; nothing is padded
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.save_pretrained(out)


if __name__ == '__main__':
    main()
