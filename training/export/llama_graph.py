"""A Llama-like decoder step as an ONNX graph: embeddings, positions and past keys and values in; last logits, all final states and the
new key and value slices out. Linear parts are float32 or 4-bit with optional low-rank adapters. Knows no training and no prompt.

The caller keeps the cache and appends the new slices, so a step returns kilobytes and not the cache (com.microsoft.GroupQueryAttention
returns all of it). Small-step cost is in the number of nodes: query, key and value are one product, gate and up another.
"""
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto

from .block_grid import BLOCK, LOWEST_ZERO, STEPS, ZEROS, BlockGrid
from .llama_weights import LINEARS, LlamaShape
from .onnx_graph import CONTRIB, Graph, WeightFile

FLOAT, HALF, BYTE, SIGNED_BYTE, LONG = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8, TensorProto.INT8, TensorProto.INT64
#: MatMulNBits with activations rounded to 8 bits per block: the fast path of the CPU provider.
INT8_ACTIVATIONS = 4


@dataclass
class Adapter:
    """What tuning adds to the base, float32: low-rank pairs (down [in, r], up [r, out]) by layer and linear part, and the added tokens'
    rows in the table and in the head, [added, width] each. Pairs may be None: no adapter nodes are written."""

    pairs: list[dict[str, tuple[np.ndarray, np.ndarray]]] | None
    rows: np.ndarray
    head_rows: np.ndarray


class Parts:
    """Weights of one export: writes them and makes the nodes that use them, in any of several graphs."""

    def __init__(self, folder: Path, base: str, adapter: str):
        self.base, self.adapter = WeightFile(folder / base), WeightFile(folder / adapter)

    def add_linear(self, name: str, weight: np.ndarray | BlockGrid) -> None:
        """A weight [out, in], float32 or on the grid."""
        if isinstance(weight, BlockGrid):
            self.base.add(f"{name}.codes", weight.packed_codes())
            self.base.add(f"{name}.marks", weight.marks)
            self.base.add(f"{name}.units", weight.units)
        else:
            self.base.add(name, weight.T if not name.endswith("table") else weight)

    def linear(self, graph: Graph, x: str, name: str, shape: tuple[int, int]) -> str:
        """x [..., in] times the weight, [..., out]"""
        out, width = shape
        if name in self.base.entries:
            if name.endswith("table"):
                weight = graph.node("Transpose", graph.external(self.base, name, FLOAT, (out, width)), perm=[1, 0])
            else:
                weight = graph.external(self.base, name, FLOAT, (width, out))
            return graph.node("MatMul", x, weight)
        blocks = width // BLOCK
        codes = graph.external(self.base, f"{name}.codes", BYTE, (out, blocks, BLOCK // 2))
        marks = graph.external(self.base, f"{name}.marks", BYTE, (out, blocks))
        scales, zeros = self.scales_and_zeros(graph, marks, graph.external(self.base, f"{name}.units", HALF, (out, 1)))
        return graph.node("MatMulNBits", x, codes, scales, self.packed(graph, zeros, blocks), domain=CONTRIB, K=width, N=out, bits=4,
                          block_size=BLOCK, accuracy_level=INT8_ACTIVATIONS)

    @staticmethod
    def scales_and_zeros(graph: Graph, marks: str, units: str) -> tuple[str, str]:
        """float32 scales and zeros of marks and units (`block_grid.BlockGrid`); folded when the session opens, where marks are constant"""
        marks = graph.node("Cast", marks, to=FLOAT)
        steps = graph.node("Floor", graph.node("Mul", marks, graph.constant(1 / ZEROS, np.float32)))
        octaves = graph.node("Mul", steps, graph.constant(math.log(2) / STEPS, np.float32))
        scales = graph.node("Mul", graph.node("Exp", octaves), graph.node("Cast", units, to=FLOAT))
        rest = graph.node("Sub", marks, graph.node("Mul", steps, graph.constant(ZEROS, np.float32)))
        return scales, graph.node("Add", rest, graph.constant(LOWEST_ZERO, np.float32))

    @staticmethod
    def packed(graph: Graph, zeros: str, blocks: int) -> str:
        """Zeros [out, blocks] as MatMulNBits wants them: uint8 [out, blocks / 2], the even block in the low nibble"""
        if blocks % 2:
            raise ValueError(f"{blocks} blocks a row: an even number is expected")
        every = lambda start: graph.node("Slice", zeros, *(graph.constant([value], np.int64) for value in (start, blocks, 1, 2)))
        return graph.node("Cast", graph.node("Add", every(0), graph.node("Mul", every(1), graph.constant(16, np.float32))), to=BYTE)

    def half(self, graph: Graph, name: str, shape: tuple[int, ...]) -> str:
        """A float16 tensor of the adapter as float32 (folded when the session opens)."""
        return graph.node("Cast", graph.external(self.adapter, name, HALF, shape), to=FLOAT)

    def adapted(self, graph: Graph, x: str, name: str, shape: tuple[int, int]) -> str:
        y = self.linear(graph, x, name, shape)
        if f"{name}.up" not in self.adapter.entries:
            return y
        rank = self.adapter.entries[f"{name}.down"][1] // shape[1]
        low = graph.node("MatMul", x, self.byte(graph, f"{name}.down", (shape[1], rank), (1, rank)))
        return graph.node("Add", y, graph.node("MatMul", low, self.byte(graph, f"{name}.up", (rank, shape[0]), (rank, 1))))

    def add_pair(self, name: str, down: np.ndarray, up: np.ndarray) -> None:
        """A low-rank adapter, down [in, rank] and up [rank, out], as signed bytes with a scale for each of the rank's components."""
        for part, values, axis in (("down", down, 0), ("up", up, 1)):
            scale = np.maximum(np.abs(values).max(axis, keepdims=True) / 127, 1e-12).astype(np.float32)
            self.adapter.add(f"{name}.{part}", np.rint(values / scale).astype(np.int8))
            self.adapter.add(f"{name}.{part}.scale", scale)

    def byte(self, graph: Graph, name: str, shape: tuple[int, int], scale_shape: tuple[int, int]) -> str:
        """A matrix of signed bytes of the adapter as float32 (folded when the session opens)."""
        scale = graph.external(self.adapter, f"{name}.scale", FLOAT, scale_shape)
        return graph.node("Mul", graph.node("Cast", graph.external(self.adapter, name, SIGNED_BYTE, shape), to=FLOAT), scale)

    def vector(self, graph: Graph, name: str, width: int) -> str:
        return graph.external(self.base, name, FLOAT, (width,))

    def head(self, graph: Graph, final: str, shape: LlamaShape, added: int) -> None:
        """Final states to `logits`: the table's rows, then those of the added tokens."""
        known = self.linear(graph, final, "table", (shape.vocabulary, shape.width))
        fresh = graph.node("MatMul", final, graph.node("Transpose", self.half(graph, "head_rows", (added, shape.width)), perm=[1, 0]))
        graph.node("Concat", known, fresh, outputs=["logits"], axis=-1)

    def close(self) -> None:
        self.base.close()
        self.adapter.close()


def linear_shapes(shape: LlamaShape) -> dict[str, tuple[int, int]]:
    """[out, in] of each linear part."""
    queries, keys = shape.heads * shape.head_width, shape.key_heads * shape.head_width
    return dict(zip(LINEARS, ((queries + 2 * keys, shape.width), (shape.width, queries), (2 * shape.inner, shape.width), (shape.width, shape.inner))))


def write_weights(parts: Parts, layers: list[dict], norm: np.ndarray, table: np.ndarray | BlockGrid, adapter: Adapter) -> None:
    """All tensors of one export. `layers[i]` holds LINEARS (float32 or BlockGrid) and the norm vectors."""
    parts.add_linear("table", table)
    for index, layer in enumerate(layers):
        for name in ("attention_norm", "inner_norm"):
            parts.base.add(f"{index}.{name}", layer[name])
        for name in LINEARS:
            parts.add_linear(f"{index}.{name}", layer[name])
            if adapter.pairs:
                down, up = adapter.pairs[index][name]
                parts.add_pair(f"{index}.{name}", down, up)
    parts.base.add("norm", norm)
    parts.adapter.add("rows", adapter.rows.astype(np.float16))
    parts.adapter.add("head_rows", adapter.head_rows.astype(np.float16))


def step_graph(shape: LlamaShape, parts, added: int) -> Graph:
    """`parts` makes the nodes that use weights: `Parts`, or `causal_parts.CausalParts`. inputs_embeds [1,n,width], position_ids [n], past_key.i and past_value.i
    [key_heads,1,t,head_width] to logits [1,1,vocabulary+added], hidden [1,n,width] and new_key.i, new_value.i, as those of the past but n long (keys rotated).

    Positions follow each other from position_ids[0] on; entries of the past from there on are room that its caller keeps and are not seen. Past and new positions are attended to apart, and heads
    come first, as their products read them: the past is neither copied nor transposed (the transposition of keys becomes a part of the product), and each head's product for one token is one of a vector,
    which needs no repacking."""
    graph = Graph("language-model")
    node, constant = graph.node, graph.constant
    heads, key_heads, head_width, width = shape.heads, shape.key_heads, shape.head_width, shape.width
    group, queries, keys = heads // key_heads, heads * head_width, key_heads * head_width
    x = graph.input("inputs_embeds", FLOAT, [1, "n", width])
    positions = graph.input("position_ids", LONG, ["n"])
    past = [[graph.input(f"past_{kind}.{index}", FLOAT, [key_heads, 1, "t", head_width]) for kind in ("key", "value")] for index in range(shape.layers)]

    ints = lambda *values: constant(values, np.int64)
    inverse = np.asarray(shape.frequencies, np.float32) if shape.frequencies else (shape.rope_base ** (-np.arange(0, head_width, 2) / head_width)).astype(np.float32)
    angles = node("Mul", node("Unsqueeze", node("Cast", positions, to=FLOAT), ints(1)), constant(inverse[None]))
    cosines, sines = node("Cos", angles), node("Sin", angles)
    if shape.rope_scale != 1:
        cosines, sines = (node("Mul", part, constant(shape.rope_scale, np.float32)) for part in (cosines, sines))
    new, room = node("Shape", positions), node("Slice", node("Shape", past[0][1]), ints(2), ints(3))
    zero, one = constant(0, np.int64), constant(1, np.int64)
    rows, columns = node("Range", zero, node("Squeeze", new), one), node("Range", zero, node("Squeeze", room), one)
    order, start = node("Unsqueeze", rows, ints(0)), node("Slice", positions, ints(0), ints(1))
    hidden = lambda condition: node("Where", condition, constant(-1e9, np.float32), constant(0, np.float32))
    beyond = node("Expand", node("Unsqueeze", hidden(node("GreaterOrEqual", columns, start)), ints(0)), node("Concat", new, room, axis=0))
    mask = node("Concat", beyond, hidden(node("Greater", order, node("Unsqueeze", rows, ints(1)))), axis=-1)
    both = node("Concat", room, new, axis=0)
    by_head, by_group, state_shape = ints(-1, 1, key_heads, head_width), ints(-1, key_heads, group, head_width), ints(1, -1, queries)
    scale = constant(head_width**-0.5, np.float32)
    shapes = linear_shapes(shape)
    vector = lambda name: parts.vector(graph, name, width)

    def add_and_norm(stream: str, change: str, norm: str, name: str) -> tuple[str, str]:
        """The normed sum, called `name`, and the sum itself"""
        node("SkipSimplifiedLayerNormalization", stream, change, vector(norm), outputs=[name, "", "", f"{name}.sum"], domain=CONTRIB, epsilon=shape.epsilon)
        return name, f"{name}.sum"

    def headwise(turned: str, index: int) -> str:
        """Queries and keys, each head normed (Qwen3)"""
        normed_parts = []
        for part, kind, each in zip(node("Split", turned, ints(queries, keys), outputs=2, axis=-1), "qk", (queries, keys)):
            split_heads = node("Reshape", part, ints(1, -1, each // head_width, head_width))
            split_heads = node("SimplifiedLayerNormalization", split_heads, parts.vector(graph, f"{index}.{kind}_norm", head_width), epsilon=shape.epsilon, axis=-1)
            normed_parts.append(node("Reshape", split_heads, ints(1, -1, each)))
        return node("Concat", *normed_parts, axis=-1)

    normed = node("SimplifiedLayerNormalization", x, vector("0.attention_norm"), epsilon=shape.epsilon, axis=-1)
    for index in range(shape.layers):
        adapted = lambda value, name: parts.adapted(graph, value, f"{index}.{name}", shapes[name])
        turned, value = node("Split", adapted(normed, "qkv"), ints(queries + keys, keys), outputs=2, axis=-1)
        if shape.head_norms:
            turned = headwise(turned, index)
        turned = node("RotaryEmbedding", turned, order, cosines, sines, domain=CONTRIB, num_heads=heads + key_heads, interleaved=0)
        query, key = node("Split", turned, ints(queries, keys), outputs=2, axis=-1)
        new_key = node("Transpose", node("Reshape", key, by_head), outputs=[f"new_key.{index}"], perm=[2, 1, 0, 3])
        new_value = node("Transpose", node("Reshape", value, by_head), outputs=[f"new_value.{index}"], perm=[2, 1, 0, 3])
        query = node("Transpose", node("Reshape", node("Mul", query, scale), by_group), perm=[1, 2, 0, 3])
        scores = node("Concat", *(node("MatMul", query, node("Transpose", part, perm=[0, 1, 3, 2])) for part in (past[index][0], new_key)), axis=-1)
        seen, fresh = node("Split", node("Softmax", node("Add", scores, mask), axis=-1), both, outputs=2, axis=-1)
        read = node("Add", node("MatMul", seen, past[index][1]), node("MatMul", fresh, new_value))
        read = node("Transpose", read, perm=[2, 0, 1, 3])
        read = adapted(node("Reshape", read, state_shape), "o")
        normed, x = add_and_norm(x, read, f"{index}.inner_norm", f"inner.{index}")
        gate, up = node("Split", adapted(normed, "gate_up"), ints(shape.inner, shape.inner), outputs=2, axis=-1)
        inner = adapted(node("Mul", node("Mul", gate, node("Sigmoid", gate)), up), "down")
        last = index + 1 == shape.layers
        normed, x = add_and_norm(x, inner, "norm" if last else f"{index + 1}.attention_norm", "hidden" if last else f"outer.{index}")

    final = node("Slice", normed, ints(-1), constant([np.iinfo(np.int64).max], np.int64), ints(1))
    parts.head(graph, final, shape, added)
    graph.output("logits", FLOAT, [1, 1, shape.vocabulary + added])
    graph.output("hidden", FLOAT, [1, "n", width])
    for index in range(shape.layers):
        for kind in ("key", "value"):
            graph.output(f"new_{kind}.{index}", FLOAT, [key_heads, 1, "n", head_width])
    return graph


def embedding_graph(shape: LlamaShape, parts: Parts, added: int) -> Graph:
    """input_ids [1,n] to embeds [1,n,width], from the same bytes as the head of `step_graph`; ids past the vocabulary are the added rows."""
    graph = Graph("embedding")
    node, constant, vocabulary, width = graph.node, graph.constant, shape.vocabulary, shape.width
    ids = graph.input("input_ids", LONG, [1, "n"])
    within = lambda value, top: node("Max", node("Min", value, constant(top, np.int64)), constant(0, np.int64))
    known = within(ids, vocabulary - 1)
    if "table" in parts.base.entries:
        rows = node("Gather", graph.external(parts.base, "table", FLOAT, (vocabulary, width)), known, axis=0)
    else:
        blocks = width // BLOCK
        take = lambda entry, dtype, columns: node("Gather", graph.external(parts.base, f"table.{entry}", dtype, (vocabulary, columns)), known, axis=0)
        packed = node("Cast", take("codes", BYTE, width // 2), to=FLOAT)
        high = node("Floor", node("Mul", packed, constant(1 / 16, np.float32)))
        low = node("Sub", packed, node("Mul", high, constant(16, np.float32)))
        axis = constant([-1], np.int64)
        pairs = node("Concat", node("Unsqueeze", low, axis), node("Unsqueeze", high, axis), axis=-1)
        codes = node("Reshape", pairs, constant([1, -1, blocks, BLOCK], np.int64))
        scales, zeros = parts.scales_and_zeros(graph, take("marks", BYTE, blocks), take("units", HALF, 1))
        shaped = lambda value: node("Reshape", value, constant([1, -1, blocks, 1], np.int64))
        rows = node("Reshape", node("Mul", node("Sub", codes, shaped(zeros)), shaped(scales)), constant([1, -1, width], np.int64))
    fresh = node("Gather", parts.half(graph, "rows", (added, width)), within(node("Sub", ids, constant(vocabulary, np.int64)), added - 1), axis=0)
    is_known = node("Unsqueeze", node("Less", ids, constant(vocabulary, np.int64)), constant([-1], np.int64))
    node("Where", is_known, rows, fresh, outputs=["embeds"])
    graph.output("embeds", FLOAT, [1, "n", width])
    return graph
