"""New tokens at both ends of an exported language model, by nodes beside its own: its weights stay as they are, at whatever precision.

Rows of the look-up and of the head are float32 in the graph. Knows graphs and tokenizer.json; no training.
"""
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..export.onnx_graph import without_traces


@dataclass
class Graft:
    """`count` tokens from the id `start` on, and the tensors of their rows: [N,d] in embed.onnx, [d,N] in model.onnx (None: they are read and never said)."""

    start: int
    count: int
    rows: str
    head: str | None


def save(model: onnx.ModelProto, path: Path) -> None:
    # A file that was taken over from another bundle may be the same file there.
    path.unlink(missing_ok=True)
    path.write_bytes(without_traces(model).SerializeToString())


def grafts(model: onnx.ModelProto, embed: onnx.ModelProto) -> list[Graft]:
    """What was grafted to the graphs of a language model, in the order of the ids."""
    heads, found = {tensor.name for tensor in model.graph.initializer}, []
    numbers = {tensor.name: int(numpy_helper.to_array(tensor)) for tensor in embed.graph.initializer if tensor.name.endswith('.vocabulary')}
    for tensor in embed.graph.initializer:
        if re.fullmatch(r'grafted(\.\d+)?\.rows', tensor.name):
            prefix = tensor.name.removesuffix('.rows')
            found.append(Graft(numbers[f'{prefix}.vocabulary'], tensor.dims[0], tensor.name, f'{prefix}.head' if f'{prefix}.head' in heads else None))
    return sorted(found, key=lambda graft: graft.start)


def rename_output(graph: onnx.GraphProto, name: str, prefix: str) -> str:
    """The node that makes `name` makes another name instead, which is returned; so do those that read it."""
    known = f'{prefix}.{name}.known'
    for node in graph.node:
        node.output[:] = [known if value == name else value for value in node.output]
        node.input[:] = [known if value == name else value for value in node.input]
    return known


def extend_head(path: Path, vocabulary: int, rows: np.ndarray) -> None:
    """`logits` [1,1,V] of model.onnx become [1,1,V+N]: those of the rows [N,d] are products with the last state."""
    model = onnx.load(path, load_external_data=False)
    graph, (count, _) = model.graph, rows.shape
    prefix = f'grafted.{vocabulary}'
    known = rename_output(graph, 'logits', prefix)
    graph.initializer.extend([numpy_helper.from_array(np.ascontiguousarray(rows.T.astype(np.float32)), f'{prefix}.head'), *(numpy_helper.from_array(np.array([value], np.int64), f'{prefix}.{name}')
                                                                                                                       for name, value in (('last', -1), ('end', np.iinfo(np.int64).max), ('axis', 1)))])
    graph.node.extend([helper.make_node('Slice', ['hidden', f'{prefix}.last', f'{prefix}.end', f'{prefix}.axis'], [f'{prefix}.state']),
                       helper.make_node('MatMul', [f'{prefix}.state', f'{prefix}.head'], [f'{prefix}.logits']), helper.make_node('Concat', [known, f'{prefix}.logits'], ['logits'], axis=-1)])
    output = next(port for port in graph.output if port.name == 'logits')
    output.type.tensor_type.shape.dim[-1].Clear()
    output.type.tensor_type.shape.dim[-1].dim_value = vocabulary + count
    save(model, path)


def extend_head_unsaid(path: Path, vocabulary: int, count: int) -> None:
    """`logits` [1,1,V] of model.onnx become [1,1,V+N]: tokens that are read and never said are as unlikely as the least likely one."""
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    prefix = f'grafted.{vocabulary}'
    known = rename_output(graph, 'logits', prefix)
    graph.node.extend([helper.make_node('ReduceMin', [known], [f'{prefix}.least'], keepdims=1), helper.make_node('Concat', [known, *[f'{prefix}.least'] * count], ['logits'], axis=-1)])
    output = next(port for port in graph.output if port.name == 'logits')
    output.type.tensor_type.shape.dim[-1].Clear()
    output.type.tensor_type.shape.dim[-1].dim_value = vocabulary + count
    save(model, path)


def extend_table(path: Path, vocabulary: int, rows: np.ndarray) -> None:
    """`input_ids` of embed.onnx from `vocabulary` on are the rows [N,d]."""
    model = onnx.load(path, load_external_data=False)
    graph, (count, _), prefix = model.graph, rows.shape, f'grafted.{vocabulary}'
    for node in graph.node:
        node.input[:] = [f'{prefix}.known' if value == 'input_ids' else value for value in node.input]
    known = rename_output(graph, 'embeds', prefix)
    numbers = {'zero': 0, 'top': vocabulary - 1, 'vocabulary': vocabulary, 'last': count - 1}
    graph.initializer.extend([numpy_helper.from_array(rows.astype(np.float32), f'{prefix}.rows'), numpy_helper.from_array(np.array([-1], np.int64), f'{prefix}.axis'),
                              *(numpy_helper.from_array(np.array(value, np.int64), f'{prefix}.{name}') for name, value in numbers.items())])
    before = [helper.make_node('Min', ['input_ids', f'{prefix}.top'], [f'{prefix}.known'])]
    after = [helper.make_node('Sub', ['input_ids', f'{prefix}.vocabulary'], [f'{prefix}.behind']), helper.make_node('Max', [f'{prefix}.behind', f'{prefix}.zero'], [f'{prefix}.place']),
             helper.make_node('Min', [f'{prefix}.place', f'{prefix}.last'], [f'{prefix}.spot']), helper.make_node('Gather', [f'{prefix}.rows', f'{prefix}.spot'], [f'{prefix}.fresh'], axis=0),
             helper.make_node('Less', ['input_ids', f'{prefix}.vocabulary'], [f'{prefix}.isKnown']), helper.make_node('Unsqueeze', [f'{prefix}.isKnown', f'{prefix}.axis'], [f'{prefix}.which']),
             helper.make_node('Where', [f'{prefix}.which', known, f'{prefix}.fresh'], ['embeds'])]
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    save(model, path)


def extend_tokenizer(path: Path, first: int, tokens: list[str]) -> None:
    """Control tokens with the ids from `first` on. Ends where one is there already."""
    whole = json.loads(path.read_text())
    there = {token['content'] for token in whole['added_tokens']} | set(whole['model'].get('vocab', {}) if isinstance(whole['model'].get('vocab'), dict) else {})
    for index, token in enumerate(tokens):
        if token in there:
            raise SystemExit(f'the language model has a token {token} already; choose others with --tokens PREFIX.')
        whole['added_tokens'].append({'id': first + index, 'content': token, 'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False, 'special': True})
    path.unlink()
    path.write_text(json.dumps(whole, ensure_ascii=False, separators=(',', ':')))


def check(folder: Path, files: dict, rows: np.ndarray, vocabulary: int) -> None:
    """The grafted graphs open, and the look-up gives the rows."""
    import onnxruntime
    embed = onnxruntime.InferenceSession(str(folder / files['embed']['path']), providers=['CPUExecutionProvider'])
    found = embed.run(None, {'input_ids': np.arange(vocabulary - 1, vocabulary + len(rows))[None]})[0][0]
    if np.abs(found[1:] - rows).max() > 1e-5:
        raise SystemExit('the new tokens have other embeddings in the graph than they were trained with.')
    model = onnxruntime.InferenceSession(str(folder / files['model']['path']), providers=['CPUExecutionProvider'])
    if model.get_outputs()[0].type != f'tensor({"float"})' or TensorProto.FLOAT != 1:
        raise SystemExit('the step graph gives no float32 logits.')
