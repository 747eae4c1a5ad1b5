"""A small writer of ONNX graphs whose large tensors lie in shared external files: nodes by name, weights at remembered offsets.
Several graphs may point at the same bytes. Knows no model."""
import os
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: onnxruntime maps weights from page boundaries; smaller tensors need no page of their own.
PAGE, LINE, LARGE = 4096, 64, 1 << 16
CONTRIB = "com.microsoft"


def without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model itself, in place, without what an exporter leaves of the machine and the sources: metadata (stack traces, paths), doc strings,
    inferred shapes and functions that no node calls."""
    graphs, called = [model.graph], set()
    while graphs:
        graph = graphs.pop()
        for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
            part.ClearField("doc_string")
            part.ClearField("metadata_props")
        graph.ClearField("value_info")
        for node in graph.node:
            called.add((node.domain, node.op_type))
            graphs.extend(attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH)
    model.ClearField("doc_string")
    model.ClearField("metadata_props")
    kept = [function for function in model.functions if (function.domain, function.name) in called]
    del model.functions[:]
    model.functions.extend(kept)
    for function in kept:
        for part in (function, *function.node):
            part.ClearField("doc_string")
            part.ClearField("metadata_props")
        function.ClearField("value_info")
    return model


class WeightFile:
    """Appends arrays to one file; `entries[name]` = (offset, length). Written under a temporary name until `close`."""

    def __init__(self, path: Path):
        self.path, self.entries, self.at = path, {}, 0
        self.file = open(path.with_suffix(".part"), "wb")

    def add(self, name: str, array: np.ndarray) -> None:
        data = np.ascontiguousarray(array).tobytes()
        align = PAGE if len(data) >= LARGE else LINE
        padding = -self.at % align
        self.file.write(b"\0" * padding + data)
        self.entries[name] = (self.at + padding, len(data))
        self.at += padding + len(data)

    def close(self) -> None:
        self.file.close()
        os.replace(self.path.with_suffix(".part"), self.path)


class Graph:
    """Collects nodes, inputs, outputs and initialisers; every node method returns the name of its (first) result."""

    def __init__(self, name: str, opset: int = 17):
        self.name, self.opset = name, opset
        self.nodes, self.inputs, self.outputs, self.tensors, self.count = [], [], [], {}, 0

    def input(self, name: str, dtype: int, shape: list) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name: str, dtype: int, shape: list) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def node(self, operator: str, *inputs: str, outputs: int | list[str] = 1, domain: str = "", **attributes):
        self.count += 1
        names = outputs if isinstance(outputs, list) else [f"{operator}_{self.count}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=f"{operator}_{self.count}", domain=domain, **attributes))
        return names[0] if len(names) == 1 else names

    def constant(self, value, dtype=None) -> str:
        """A small tensor stored in the graph itself; equal ones are stored once."""
        array = np.asarray(value, dtype)
        name = f"constant_{array.dtype}_{'x'.join(map(str, array.shape))}_{zlib.crc32(array.tobytes()):x}"
        self.tensors.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def external(self, file: WeightFile, entry: str, dtype: int, shape: tuple[int, ...], name: str | None = None) -> str:
        """A tensor in a weight file, seen with this dtype and shape (the same bytes may be seen differently elsewhere)."""
        name = name or entry
        if name not in self.tensors:
            offset, length = file.entries[entry]
            tensor = TensorProto(name=name, data_type=dtype, dims=shape, data_location=TensorProto.EXTERNAL)
            for key, value in (("location", file.path.name), ("offset", offset), ("length", length)):
                tensor.external_data.add(key=key, value=str(value))
            self.tensors[name] = tensor
        return name

    def save(self, path: Path, producer: str) -> None:
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.tensors.values()))
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name=producer, ir_version=9)
        part = path.with_suffix(".part")
        part.write_bytes(without_traces(model).SerializeToString())
        os.replace(part, path)
