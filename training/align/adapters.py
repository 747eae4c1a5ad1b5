"""What tuning changed of an exported language model, written into its graphs by nodes beside its own: low-rank pairs (float16, a file of their own) and rows of added tokens.

The base's weights stay as they are, at whatever precision. Knows graphs; no training.
"""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..export.llama_torch import Decoder
from ..export.llama_weights import LINEARS
from ..export.onnx_graph import WeightFile
from .graft import Graft, save

FILE = 'adapter.weights'


def replace_rows(path: Path, values: dict[str, np.ndarray]) -> None:
    """Other values for tensors of a graph, by name."""
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[tensor.name].astype(np.float32)), tensor.name))
    save(model, path)


def add_pairs(path: Path, decoder: Decoder) -> Path:
    """y = x W becomes x W + (x down) up at every linear part of model.onnx; pairs of an earlier tuning give way. Returns the file of the pairs."""
    model = onnx.load(path, load_external_data=False)
    graph, file, tensors = model.graph, WeightFile(path.parent / FILE), []
    for index, layer in enumerate(decoder.layers):
        for part in LINEARS:
            pair = getattr(layer, part)
            for side, array in (('down', pair.down), ('up', pair.up)):
                name, array = f'tuned.{index}.{part}.{side}', array.detach().float().cpu().numpy().T.astype(np.float16)
                file.add(name, array)
                tensors.append(TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=array.shape, data_location=TensorProto.EXTERNAL))
    file.close()
    for tensor in tensors:
        offset, length = file.entries[tensor.name]
        for key, value in (('location', FILE), ('offset', offset), ('length', length)):
            tensor.external_data.add(key=key, value=str(value))
    kept = [tensor for tensor in graph.initializer if not tensor.name.startswith('tuned.')]
    tuned_before = len(kept) != len(graph.initializer)
    del graph.initializer[:]
    graph.initializer.extend([*kept, *tensors])
    if not tuned_before:
        nodes = with_pairs(list(graph.node), len(decoder.layers))
        del graph.node[:]
        graph.node.extend(nodes)
    save(model, path)
    return file.path


def with_pairs(nodes: list, layers: int) -> list:
    weights = {f'{index}.{part}{end}': f'{index}.{part}' for index in range(layers) for part in LINEARS for end in ('', '.codes')}
    # Weights in float16 meet their product as float32.
    weights |= {node.output[0]: weights[node.input[0]] for node in nodes if node.op_type == 'Cast' and node.input[0] in weights}
    found, done = [], set()
    for node in nodes:
        name = weights.get(node.input[1]) if node.op_type in ('MatMul', 'MatMulNBits') else None
        if name is None:
            found.append(node)
            continue
        done.add(name)
        result, prefix = node.output[0], f'tuned.{name}'
        node.output[0] = f'{prefix}.base'
        found += [node, *(helper.make_node('Cast', [f'{prefix}.{side}'], [f'{prefix}.{side}.wide'], to=TensorProto.FLOAT) for side in ('down', 'up')),
                  helper.make_node('MatMul', [node.input[0], f'{prefix}.down.wide'], [f'{prefix}.low']), helper.make_node('MatMul', [f'{prefix}.low', f'{prefix}.up.wide'], [f'{prefix}.change']),
                  helper.make_node('Add', [f'{prefix}.base', f'{prefix}.change'], [result])]
    if len(done) != layers * len(LINEARS):
        raise SystemExit(f'{len(done)} of {layers * len(LINEARS)} linear parts were found in the graph of the language model.')
    return found


def write_tuned(model: Path, embed: Path, decoder: Decoder, vocabulary: int, grafts: list[Graft]) -> Path:
    """Pairs and rows of a tuned decoder into the two graphs of its bundle. Returns the file of the pairs."""
    rows, head = (part.detach().float().cpu().numpy() for part in (decoder.rows, decoder.head_rows))
    of = lambda graft, table: table[graft.start - vocabulary:graft.start - vocabulary + graft.count]
    replace_rows(embed, {graft.rows: of(graft, rows) for graft in grafts})
    replace_rows(model, {graft.head: of(graft, head).T for graft in grafts if graft.head})
    return add_pairs(model, decoder)
