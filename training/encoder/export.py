"""The trained image encoder as an ONNX graph with 8-bit weights: python -m training.encoder.export. Knows no data but a check batch.

Weights are stored as int8 with one float16 scale an output channel; ONNX Runtime folds Cast and Mul to float32 when it loads the graph.
"""
import json

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from training.paths import work

from .model import TOKENS, ImageEncoder
from .pictures import Bank
from .preprocess import SIZE


def trained() -> ImageEncoder:
    model = ImageEncoder()
    refit = work('checkpoints', 'image-encoder-refit.pt')
    model.load_state_dict(torch.load(refit if refit.exists() else work('checkpoints', 'image-encoder.pt'))['model'])
    return model.eval()


def shrink(source, target) -> None:
    """Constant float weights of Conv, MatMul and Gemm to int8 behind Cast and Mul; other large constants to float16 behind Cast."""
    model = onnx.load(source)
    graph, nodes, kept = model.graph, [], []
    axis = {}
    for node in graph.node:
        if node.op_type in ('Conv', 'MatMul', 'Gemm'):
            transposed = node.op_type == 'Conv' or any(a.name == 'transB' and a.i for a in node.attribute)
            axis[node.input[1]] = 0 if transposed else -1
    for tensor in graph.initializer:
        value, name = numpy_helper.to_array(tensor), tensor.name
        if value.dtype != np.float32 or value.size < 64:
            kept.append(tensor)
        elif name in axis and value.ndim > 1:
            others = tuple(i for i in range(value.ndim) if i != axis[name] % value.ndim)
            scale = np.maximum(np.abs(value).max(others, keepdims=True) / 127, 1e-8).astype(np.float16)
            kept += [numpy_helper.from_array(np.round(value / scale.astype(np.float32)).clip(-127, 127).astype(np.int8), name + '.int8'),
                     numpy_helper.from_array(scale, name + '.scale')]
            nodes += [helper.make_node('Cast', [name + '.int8'], [name + '.codes'], to=TensorProto.FLOAT),
                      helper.make_node('Cast', [name + '.scale'], [name + '.wide'], to=TensorProto.FLOAT),
                      helper.make_node('Mul', [name + '.codes', name + '.wide'], [name])]
        else:
            kept.append(numpy_helper.from_array(value.astype(np.float16), name + '.half'))
            nodes.append(helper.make_node('Cast', [name + '.half'], [name], to=TensorProto.FLOAT))
    nodes += list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    for output in graph.output:  # sizes that the exporter left unnamed
        if output.name == 'tokens':
            output.type.tensor_type.shape.dim[1].dim_value = TOKENS
    onnx.checker.check_model(model)
    onnx.save(model, target)


def main() -> None:
    torch.set_num_threads(1)
    model, scratch = trained(), work('encoder', 'image-encoder-float32.onnx')
    target = work('export', 'image-encoder', 'model.onnx')
    torch.onnx.export(model, torch.zeros(2, 3, SIZE, SIZE), str(scratch), input_names=['pixels'], output_names=['tokens', 'joint'], dynamo=False,
                      opset_version=17, dynamic_axes={'pixels': {0: 'batch'}, 'tokens': {0: 'batch'}, 'joint': {0: 'batch'}})
    shrink(scratch, target)
    bank = Bank()
    rgba = bank.pixels[torch.arange(0, len(bank.pixels), 487)].permute(0, 3, 1, 2).float() / 255
    pixels = rgba[:, :3] * 2 - 1 + 2 * (1 - rgba[:, 3:])
    with torch.inference_mode():
        want = model(pixels)[0].numpy()
    for path in (scratch, target):
        got = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider']).run(['tokens', 'joint'], {'pixels': pixels.numpy()})
        cosine = (got[0] * want).sum(-1)
        print(f'{path.name}: {path.stat().st_size / 1e6:.2f} MB, cosine to torch: joint mean {cosine[:, 0].mean():.5f} min {cosine[:, 0].min():.5f}, tokens min {cosine.min():.5f}')
    work('export', 'image-encoder', 'handover.json').write_text(json.dumps({
        'graph': {'pixels': ['batch', 3, SIZE, SIZE], 'tokens': ['batch', 9, 384], 'joint': ['batch', 384]},
        'config': {'size': SIZE, 'mean': [0.5, 0.5, 0.5], 'std': [0.5, 0.5, 0.5], 'background': [255, 255, 255], 'fit': 'contain'},
        'tokens': ['whole picture (= joint, in the space of sentence embeddings)', 'colour of the left or only thing', 'background colour', 'count',
                   'side', 'style', 'word of the left or only thing', 'word of the right or only thing', 'layout'],
        'tokenLength': 1.0, 'bytes': target.stat().st_size}, indent=1) + '\n')


if __name__ == '__main__':
    main()
