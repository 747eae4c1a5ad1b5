"""An exported graph with its weights in shards below 2 GB, as they are or in blocks of 8 or 4 bits. Reads one tensor at a time.

Matrix products get MatMulNBits of onnxruntime; convolutions get bytes with a scale an output channel. Knows no model.
"""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

from .onnx_graph import CONTRIB, WeightFile, without_traces
from .sentence_encoder import pack, quantise_blocks

SHARD = 1_900_000_000
INLINE = 1024  # bytes; smaller tensors stay in the graph
BLOCK = 32


class Shards:
    """Weight files of one graph beside it: `weights.0`, `weights.1`, ..."""

    def __init__(self, folder: Path):
        self.folder, self.files, self.at = folder, [], None

    def add(self, name: str, array: np.ndarray) -> TensorProto:
        if self.at is None or self.at.at + array.nbytes > SHARD:
            if self.at is not None:
                self.at.close()
            self.at = WeightFile(self.folder / f'weights.{len(self.files)}')
            self.files.append(self.at.path)
        self.at.add(name, array)
        offset, length = self.at.entries[name]
        tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape, data_location=TensorProto.EXTERNAL)
        for key, value in (('location', self.at.path.name), ('offset', offset), ('length', length)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def close(self) -> None:
        if self.at is not None:
            self.at.close()


def write_sharded(source: Path, target: Path, bits: int | None) -> list[Path]:
    """Rewrites the graph at `source` to `target`; `bits` 8 or 4 quantises, None leaves. Returns the weight files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    model = onnx.load(source, load_external_data=False)
    graph, shards = model.graph, Shards(target.parent)
    users = {}
    for node in graph.node:
        for position, name in enumerate(node.input):
            users.setdefault(name, []).append((node, position))
    kept, extra, replaced, folded = [], [], {}, set()
    for weight in graph.initializer:
        turned = turned_for_product(users.get(weight.name, []), users)
        # Read into a tensor of its own: the model's arena would keep the bytes of every one until the end.
        tensor = TensorProto()
        tensor.CopyFrom(weight)
        if uses_external_data(tensor):
            load_external_data_for_tensor(tensor, str(source.parent))
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]
        array = numpy_helper.to_array(tensor)
        used = users.get(weight.name, [])
        if turned is not None:
            # Turned here, and not whenever the graph is opened: that would take memory of its own beside the mapped file.
            transpose, products = turned
            array, used = np.ascontiguousarray(array.T), products
            folded.add(id(transpose))
            for node, position in products:
                node.input[position] = weight.name
        if bits and len(used) == 1 and array.ndim == 2 and used[0][0].op_type == 'MatMul' and used[0][1] == 1 and array.shape[0] % BLOCK == 0:
            replaced[id(used[0][0])] = matrix(array, weight.name, bits, shards, kept)
        elif bits and len(used) == 1 and array.ndim == 2 and used[0][0].op_type == 'Gemm' and used[0][1] == 1 and gemm_is_linear(used[0][0]) and array.shape[1] % BLOCK == 0:
            replaced[id(used[0][0])] = matrix(array.T, weight.name, bits, shards, kept)
        elif bits and len(used) == 1 and used[0][0].op_type == 'Conv' and used[0][1] == 1 and array.size >= 4096:
            extra += convolution(array, weight.name, shards, kept)
        elif array.nbytes < INLINE:
            kept.append(numpy_helper.from_array(array, weight.name))
        else:
            kept.append(shards.add(weight.name, array))
    shards.close()
    nodes = [*extra]
    for node in graph.node:
        if id(node) not in folded:
            nodes += quantised(node, replaced[id(node)]) if id(node) in replaced else [node]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    if bits and all(opset.domain != CONTRIB for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    target.write_bytes(without_traces(model).SerializeToString())
    return shards.files


def turned_for_product(used: list, users: dict):
    """The transposition of a matrix that only products read, and these products; None where its weight is read in another way too."""
    if len(used) != 1 or used[0][0].op_type != 'Transpose':
        return None
    transpose = used[0][0]
    if [list(attribute.ints) for attribute in transpose.attribute if attribute.name == 'perm'] != [[1, 0]]:
        return None
    products = users.get(transpose.output[0], [])
    return (transpose, products) if products and all(node.op_type == 'MatMul' and position == 1 for node, position in products) else None


def gemm_is_linear(node) -> bool:
    values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return values.get('transB', 0) == 1 and values.get('transA', 0) == 0 and values.get('alpha', 1.0) == 1.0 and values.get('beta', 1.0) == 1.0


def matrix(array: np.ndarray, name: str, bits: int, shards: Shards, kept: list) -> dict:
    """[in, out] to codes, scales and zeros by output; what the node needs to know."""
    columns = np.ascontiguousarray(array.T.astype(np.float32))
    codes, scales, zeros = quantise_blocks(columns, bits, BLOCK)
    n, k = columns.shape
    if bits == 4:
        packed, zero_points = pack(codes).reshape(n, k // BLOCK, BLOCK // 2), pack(zeros)
    else:
        packed, zero_points = codes.reshape(n, k // BLOCK, BLOCK), zeros
    names = [f'{name}.codes', f'{name}.scales', f'{name}.zeros']
    for part, value in zip(names, (packed, scales.astype(array.dtype), zero_points), strict=True):
        kept.append(shards.add(part, np.ascontiguousarray(value)) if value.nbytes >= INLINE else numpy_helper.from_array(np.ascontiguousarray(value), part))
    return {'names': names, 'K': k, 'N': n, 'bits': bits}


def quantised(node, to: dict) -> list:
    bias = node.input[2] if node.op_type == 'Gemm' and len(node.input) > 2 else None
    result = f'{node.output[0]}.product' if bias else node.output[0]
    product = helper.make_node('MatMulNBits', [node.input[0], *to['names']], [result], domain=CONTRIB, K=to['K'], N=to['N'], bits=to['bits'], block_size=BLOCK)
    return [product] if bias is None else [product, helper.make_node('Add', [result, bias], [node.output[0]])]


def convolution(array: np.ndarray, name: str, shards: Shards, kept: list) -> list:
    """Bytes and a scale an output channel; the node that makes the weight of them goes by the weight's name."""
    wide = array.astype(np.float32)
    scale = np.maximum(np.abs(wide).reshape(len(wide), -1).max(1), 1e-8) / 127
    codes = np.clip(np.rint(wide / scale.reshape(-1, *[1] * (wide.ndim - 1))), -127, 127).astype(np.int8)
    kept += [shards.add(f'{name}.codes', codes), numpy_helper.from_array(scale.astype(array.dtype), f'{name}.scale')]
    return [helper.make_node('DequantizeLinear', [f'{name}.codes', f'{name}.scale'], [name], axis=0)]
