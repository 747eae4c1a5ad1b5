"""The weights of a decoder beside its two graphs, at one precision, in shards below 2 GB: written once, used by the nodes of both.

Matrices are float32, float16, or blocks of 32 in 8 or 4 bits (MatMulNBits); the table of words and the head never have fewer than 8. Knows no layer.
"""
from pathlib import Path

import numpy as np
from onnx import TensorProto

from .llama_weights import LlamaShape
from .onnx_graph import CONTRIB, Graph
from .sentence_encoder import pack, quantise_blocks
from .shards import BLOCK, Shards

FLOAT, BYTE, LONG = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
BITS = {'int8': 8, 'int4': 4}
#: Activations are rounded to 8 bits a block. Without it the CPU provider unpacks 8-bit weights at every run, ten times slower.
INT8_ACTIVATIONS = 4


class CausalParts:
    def __init__(self, folder: Path, dtype: str):
        self.shards, self.dtype, self.tensors, self.sizes, self.bits = Shards(folder), dtype, {}, {}, {}

    def add(self, name: str, array: np.ndarray) -> None:
        self.tensors[name] = self.shards.add(name, np.ascontiguousarray(array))
        self.tensors[name].name = name

    def add_vector(self, name: str, values: np.ndarray) -> None:
        self.add(name, values.astype(np.float32))

    def add_matrix(self, name: str, weight: np.ndarray, bits: int | None = None, by_row: bool = False) -> None:
        """A weight [out, in]; `by_row` keeps its rows together for look-ups."""
        out, width = weight.shape
        self.sizes[name] = (out, width)
        bits = bits or BITS.get(self.dtype)
        if bits and width % BLOCK == 0:
            self.bits[name] = bits
            # A vocabulary is large: a part of its rows at a time.
            parts = [quantise_blocks(rows, bits, BLOCK) for rows in np.array_split(weight.astype(np.float32), max(1, out * width // 2**24))]
            codes, scales, zeros = (np.concatenate(each) for each in zip(*parts))
            self.add(f'{name}.codes', (pack(codes) if bits == 4 else codes).reshape(out, width // BLOCK, -1))
            self.add(f'{name}.scales', scales.astype(np.float32))
            self.add(f'{name}.zeros', pack(zeros) if bits == 4 else zeros)
            return
        kept = weight.astype(np.float16 if self.dtype == 'fp16' else np.float32)
        self.add(name, kept if by_row else kept.T)

    def use(self, graph: Graph, name: str) -> str:
        """A tensor as float32, or the codes as they are."""
        graph.tensors.setdefault(name, self.tensors[name])
        return graph.node('Cast', name, to=FLOAT) if self.tensors[name].data_type == TensorProto.FLOAT16 else name

    def linear(self, graph: Graph, x: str, name: str, by_row: bool = False) -> str:
        """x [..., in] times the weight, [..., out]"""
        out, width = self.sizes[name]
        if name in self.bits:
            codes, scales, zeros = (self.use(graph, f'{name}.{part}') for part in ('codes', 'scales', 'zeros'))
            attributes = dict(K=width, N=out, bits=self.bits[name], block_size=BLOCK, accuracy_level=INT8_ACTIVATIONS)
            return graph.node('MatMulNBits', x, codes, scales, zeros, domain=CONTRIB, **attributes)
        weight = self.use(graph, name)
        return graph.node('MatMul', x, graph.node('Transpose', weight, perm=[1, 0]) if by_row else weight)

    def adapted(self, graph: Graph, x: str, name: str, _shape: tuple[int, int]) -> str:
        y = self.linear(graph, x, name)
        return graph.node('Add', y, self.use(graph, f'{name}.bias')) if f'{name}.bias' in self.tensors else y

    def vector(self, graph: Graph, name: str, _width: int) -> str:
        return self.use(graph, name)

    def head(self, graph: Graph, final: str, _shape: LlamaShape, _added: int) -> None:
        """Final states to `logits`: by the head, or by the table where it is the head as well."""
        tied = 'head' not in self.sizes
        graph.node('Identity', self.linear(graph, final, 'table' if tied else 'head', by_row=tied), outputs=['logits'])

    def embedding_graph(self) -> Graph:
        """input_ids [1,n] to embeds [1,n,width]."""
        graph = Graph('embedding')
        node, constant = graph.node, graph.constant
        _, width = self.sizes['table']
        ids = graph.input('input_ids', LONG, [1, 'n'])
        if 'table' in self.bits:
            take = lambda part: node('Cast', node('Gather', self.use(graph, f'table.{part}'), ids, axis=0), to=FLOAT)
            by_block = lambda value: node('Reshape', value, constant([1, -1, width // BLOCK, 1], np.int64))
            rows = node('Mul', node('Sub', take('codes'), by_block(take('zeros'))), by_block(take('scales')))
            node('Reshape', rows, constant([1, -1, width], np.int64), outputs=['embeds'])
        else:
            graph.tensors.setdefault('table', self.tensors['table'])
            node('Cast', node('Gather', 'table', ids, axis=0), outputs=['embeds'], to=FLOAT)
        graph.output('embeds', FLOAT, [1, 'n', width])
        return graph

    def close(self) -> list[Path]:
        self.shards.close()
        return self.shards.files
