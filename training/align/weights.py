"""An exported language model as a decoder in PyTorch, through which gradients go: the weights are those of its bundle, at their precision.

Reads the tensors of model.onnx and embed.onnx by the names that training/export/causal_parts.py gives them, rows of added tokens and low-rank pairs among them. Knows no conversation.
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from onnx.external_data_helper import uses_external_data

from ..export.llama_torch import Decoder
from ..export.llama_weights import LINEARS, LlamaShape
from ..export.torch_blocks import Blocks
from .frozen import component_of
from .graft import Graft, grafts

#: Weights beyond which blocks stay packed where nothing else is asked for: dense in 16 bits they would take 2 GB.
PACKED_FROM = 1_000_000_000
KINDS = {'float32': torch.float32, 'bfloat16': torch.bfloat16}


class Tensors:
    """Tensors of a graph by name, mapped from their files."""

    def __init__(self, path: Path):
        self.path, self.model = path, onnx.load(path, load_external_data=False)
        self.by_name = {tensor.name: tensor for tensor in self.model.graph.initializer}

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def __getitem__(self, name: str) -> np.ndarray:
        tensor = self.by_name[name]
        if not uses_external_data(tensor):
            return numpy_helper.to_array(tensor)
        place = {entry.key: entry.value for entry in tensor.external_data}
        return np.memmap(self.path.parent / place['location'], helper.tensor_dtype_to_np_dtype(tensor.data_type), 'r', int(place['offset']), tuple(tensor.dims))

    def weight(self, name: str, dtype: torch.dtype, packed: bool, by_row: bool = False) -> np.ndarray | Blocks:
        """A matrix [out, in]."""
        if f'{name}.codes' in self:
            blocks = Blocks(*(self[f'{name}.{part}'] for part in ('codes', 'scales', 'zeros')), dtype)
            return blocks if packed else blocks.dense().float().numpy()
        return self[name].astype(np.float32) if by_row else self[name].T.astype(np.float32)

    def vector(self, name: str) -> np.ndarray:
        return self[name].astype(np.float32)


@dataclass
class Tunable:
    """`rows` of the decoder are those of `added` tokens behind the vocabulary of its table; `unsaid` are ids that no reply has."""

    decoder: Decoder
    vocabulary: int
    added: int
    unsaid: list[int]
    grafts: list[Graft]
    packed: bool


def shape_of(tensors: Tensors, config: dict) -> LlamaShape:
    graph = tensors.model.graph
    made = {output: node for node in graph.node for output in node.output}
    norm = next(node for node in graph.node if node.op_type == 'SimplifiedLayerNormalization')
    epsilon = next(attribute.f for attribute in norm.attribute if attribute.name == 'epsilon')
    angles = made[next(node for node in graph.node if node.op_type == 'Cos').input[0]]
    frequencies = tensors[next(name for name in angles.input if name in tensors)]
    scaled = [node for node in graph.node if node.op_type == 'Mul' and made.get(node.input[0]) is not None and made[node.input[0]].op_type == 'Cos']
    width = lambda name, side: tensors[f'{name}.codes'].shape[0] if f'{name}.codes' in tensors else tensors[name].shape[side]
    heads = (width('0.qkv', 1) - 2 * config['kvHeads'] * config['headDim']) // config['headDim']
    table = tensors['table.codes' if 'table.codes' in tensors else 'table'] if 'head' not in tensors and 'head.codes' not in tensors else None
    vocabulary = len(table) if table is not None else width('head', 1)
    return LlamaShape(config['layers'], config['modelWidth'], heads, config['kvHeads'], config['headDim'], width('0.gate_up', 1) // 2, vocabulary, 0.0, float(epsilon),
                      tuple(float(value) for value in frequencies.flatten()), float(tensors[scaled[0].input[1]]) if scaled else 1.0, '0.q_norm' in tensors)


def read(folder: Path, name: str, rank: int, base: str) -> Tunable:
    """The decoder of a bundle's component. `rank` of low-rank pairs that it has not yet; `base`: packed, bfloat16, float32, or auto."""
    _, component = component_of(folder, name)
    config, path = component['config'], lambda key: folder / component['files'][key]['path']
    tensors, table = Tensors(path('model')), Tensors(path('embed'))
    if '0.attention_norm' not in tensors or ('0.qkv' not in tensors and '0.qkv.codes' not in tensors) or '0.qkv.marks' in tensors:
        raise SystemExit(f'{folder}: the layers of its language model cannot be read from the graph, as of one that was traced from its model\'s own code (Gemma, Phi and others), '
                         'or of nano, which training.language tunes. Export a model of Llama\'s kind with training.export.causal_lm.')
    shape, given = shape_of(tensors, config), grafts(tensors.model, table.model)
    size = sum(np.prod(tensor.dims) * (2 if '.codes' in tensor.name and tensor.dims[-1] == 16 else 1) for tensor in tensors.by_name.values() if not tensor.name.startswith('tuned.'))
    packed = base == 'packed' or (base == 'auto' and size > PACKED_FROM)
    dtype = KINDS.get(base, torch.bfloat16 if size > PACKED_FROM else torch.float32)
    layers, ranks = [], {}
    for index in range(shape.layers):
        layer = {part: tensors.weight(f'{index}.{part}', dtype, packed) for part in LINEARS}
        vectors = ['attention_norm', 'inner_norm', *(['q_norm', 'k_norm'] if shape.head_norms else []), *(f'{part}.bias' for part in LINEARS if f'{index}.{part}.bias' in tensors)]
        layers.append(layer | {part: tensors.vector(f'{index}.{part}') for part in vectors})
    for part in LINEARS:
        ranks[part] = tensors[f'tuned.0.{part}.down'].shape[1] if f'tuned.0.{part}.down' in tensors else rank
    head = tensors.weight('head', dtype, packed) if 'head' in tensors or 'head.codes' in tensors else None
    added = config['vocabulary'] - shape.vocabulary
    decoder = Decoder(shape, layers, tensors.vector('norm'), table.weight('table', dtype, packed, by_row=True), ranks, added, dtype, head, frugal=packed)
    unsaid = []
    with torch.no_grad():
        for graft in given:
            at = graft.start - shape.vocabulary
            decoder.rows[at:at + graft.count] = torch.from_numpy(np.array(table[graft.rows]))
            if graft.head:
                decoder.head_rows[at:at + graft.count] = torch.from_numpy(np.array(tensors[graft.head])).T
            else:
                unsaid += range(graft.start, graft.start + graft.count)
        for index, layer in enumerate(decoder.layers):
            for part in LINEARS:
                if f'tuned.{index}.{part}.down' in tensors:
                    getattr(layer, part).down.copy_(torch.from_numpy(tensors.vector(f'tuned.{index}.{part}.down')).T)
                    getattr(layer, part).up.copy_(torch.from_numpy(tensors.vector(f'tuned.{index}.{part}.up')).T)
    return Tunable(decoder, shape.vocabulary, added, unsaid, given, packed)
