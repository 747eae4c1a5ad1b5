"""Two audio transformers in one graph: python -m training.audio.route SOUNDS.onnx TUNES.onnx OUT.onnx. Knows ports, nothing of weights.

The one that was trained on with named tunes draws where the reader (`audio/plan.py`) finds a tune named; everything else is drawn by the other, bit for bit as before.
"""
import sys

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from training.audio.plan import Plan
from training.data.tunes import TUNES
from training.paths import work


def branch(path: str, prefix: str) -> tuple[onnx.GraphProto, onnx.ModelProto]:
    """The graph with all names but those of its inputs under a prefix, and without inputs: a branch sees what is around it."""
    model = onnx.load(path)
    graph, outer = model.graph, {port.name for port in model.graph.input} | {""}
    own = lambda name: name if name in outer else f"{prefix}.{name}"
    for place, node in enumerate(graph.node):
        node.name = f"{prefix}.{place}"
        node.input[:], node.output[:] = [own(name) for name in node.input], [own(name) for name in node.output]
        if any(attribute.type == onnx.AttributeProto.GRAPH for attribute in node.attribute):
            raise ValueError(f"{path}: {node.op_type} has a graph of its own, which is not renamed")
    for tensor in graph.initializer:
        tensor.name = own(tensor.name)
    output = helper.make_tensor_value_info(f"{prefix}.{graph.output[0].name}", TensorProto.FLOAT, None)
    return helper.make_graph(list(graph.node), prefix, [], [output], list(graph.initializer)), model


def named(plan: Plan) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes from `tokens` [B,16,384] to `plan.named`, whether any row that says something names a tune, and their weights in float16."""
    make, count = helper.make_node, len(TUNES)
    first, last = plan.read[0], plan.read[2]
    weights = {"a": first.weight.T, "b": first.bias, "c": last.weight[: count + 1].T, "d": last.bias[: count + 1]}
    tensors = [numpy_helper.from_array(value.detach().numpy().astype(np.float16), f"plan.{name}.half") for name, value in weights.items()]
    tensors += [numpy_helper.from_array(np.array(value), f"plan.{name}") for name, value in (("zero", np.int64(0)), ("begin", np.array([1], np.int64)), ("end", np.array([16], np.int64)), ("axis", np.array([1], np.int64)),
                                                                                          ("both", np.array([1, 2], np.int64)), ("four", np.float32(4)), ("count", np.int64(count)), ("nothing", np.float32(0)))]
    nodes = [make("Cast", [f"plan.{name}.half"], [f"plan.{name}"], to=TensorProto.FLOAT) for name in weights]
    nodes += [
        make("Gather", ["tokens", "plan.zero"], ["plan.sentence"], axis=1), make("Slice", ["tokens", "plan.begin", "plan.end", "plan.axis"], ["plan.pieces"]),
        make("ReduceSum", ["plan.pieces", "plan.axis"], ["plan.sum"], keepdims=0), make("Div", ["plan.sum", "plan.four"], ["plan.mean"]), make("Concat", ["plan.sentence", "plan.mean"], ["plan.x"], axis=1),
        make("MatMul", ["plan.x", "plan.a"], ["plan.xa"]), make("Add", ["plan.xa", "plan.b"], ["plan.h"]), make("Sigmoid", ["plan.h"], ["plan.gate"]), make("Mul", ["plan.h", "plan.gate"], ["plan.silu"]),
        make("MatMul", ["plan.silu", "plan.c"], ["plan.hc"]), make("Add", ["plan.hc", "plan.d"], ["plan.said"]), make("ArgMax", ["plan.said"], ["plan.best"], axis=1, keepdims=0), make("Less", ["plan.best", "plan.count"], ["plan.tune"]),
        make("Abs", ["tokens"], ["plan.size"]), make("ReduceMax", ["plan.size", "plan.both"], ["plan.most"], keepdims=0), make("Greater", ["plan.most", "plan.nothing"], ["plan.present"]),
        make("And", ["plan.tune", "plan.present"], ["plan.each"]), make("Cast", ["plan.each"], ["plan.number"], to=TensorProto.FLOAT), make("ReduceMax", ["plan.number"], ["plan.any"], keepdims=0),
        make("Cast", ["plan.any"], ["plan.named"], to=TensorProto.BOOL)]
    return nodes, tensors


def main(sounds: str, tunes: str, out: str) -> None:
    plan = Plan()
    plan.load_state_dict({name: value.float() for name, value in torch.load(work("checkpoints", "audio-reader.pt")).items()})
    (one, model), (other, _) = branch(sounds, "sounds"), branch(tunes, "tunes")
    nodes, tensors = named(plan)
    nodes.append(helper.make_node("If", ["plan.named"], [model.graph.output[0].name], then_branch=other, else_branch=one))
    graph = helper.make_graph(nodes, "audio-transformer", list(model.graph.input), list(model.graph.output), tensors)
    routed = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version, producer_name="anymodal")
    onnx.checker.check_model(routed)
    onnx.save(routed, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
