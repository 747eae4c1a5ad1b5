"""NExT-GPT's released 7B checkpoint to a bundle: reads pictures, videos and sounds, answers with text and with all three.

Usage: python -m training.export.nextgpt CHECKPOINT OUT --vicuna FOLDER --imagebind BUNDLE [--image BUNDLE] [--video BUNDLE] [--audio BUNDLE] [--dtype fp32|fp16|int8|int4] [--without-text-encoders]
CHECKPOINT is the folder of ChocoWu/nextgpt_7b_tiva_v0, --vicuna that of Vicuna 7B v0 (LLaMA 1 with the v0 delta applied) in transformers' layout; the BUNDLEs are what the
exporters of ImageBind, Stable Diffusion 1.5, Zeroscope and AudioLDM wrote; an output without one is left out. Knows nothing of TypeScript.
"""
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .adopt import Donor
from .bundle_folder import BundleFolder, arguments
from .nextgpt_checkpoint import GROUPS, PROJECTORS, input_projection, merge, output_projection, read, tokenizer_of
from .picture_chain import add_language_model
from .text_fc import TransformerProjectorGraph

#: As the demo writes a conversation (demo_app.py L278-303) and the model cuts it (anyToImageVideoAudio.py L675-704): spaces beside a medium are eaten, the current turn has one more.
TEMPLATE = """
{%- set seen = namespace(user=false, medium=false, text=false) -%}
{%- macro mark(type) -%}{{- '<Image>' if type == 'image' else '<Video>' if type == 'video' else '<Audio>' -}}{%- endmacro -%}
{%- for message in messages -%}
{%- set seen.medium = false -%}{%- set seen.text = false -%}
{%- if message['role'] == 'system' -%}
{%- for part in message['content'] -%}{{- part['text'] + '\\n' -}}{%- endfor -%}
{%- elif message['role'] == 'user' -%}
{{- ' Human:' if seen.user else '### Human:' -}}
{%- set seen.user = true -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'text' -%}
{{- ('' if seen.medium else ' ') + (' ' if message == messages[-1] and not seen.text else '') + part['text'] -}}
{%- set seen.medium = false -%}{%- set seen.text = true -%}
{%- else -%}{{- mark(part['type']) -}}{%- set seen.medium = true -%}{%- endif -%}
{%- endfor -%}
{{- '\\n### Assistant:' -}}
{%- else -%}
{%- for part in message['content'] -%}{%- if part['type'] != 'text' -%}{{- mark(part['type']) -}}{%- set seen.medium = true -%}{%- endif -%}{%- endfor -%}
{%- for part in message['content'] -%}{%- if part['type'] == 'text' -%}{{- ('' if seen.medium else ' ') + part['text'] -}}{%- set seen.medium = true -%}{%- endif -%}{%- endfor -%}
{{- '\\n###' -}}
{%- endif -%}
{%- endfor -%}
"""
PLACES = {modality: {'mark': mark, 'before': '<Img>', 'after': '</Img>'} for modality, mark in (('image', '<Image>'), ('video', '<Video>'), ('audio', '<Audio>'))}
SAMPLING = {'temperature': 1, 'topP': 0.01, 'maxTokens': 246}
#: What the demo asks of the decoders.
DECODING = {'image': {'steps': 50, 'guidanceScale': 7.5}, 'video': {'steps': 50, 'guidanceScale': 7.5, 'frames': 24, 'fps': 8}, 'audio': {'steps': 50, 'guidanceScale': 7.5, 'seconds': 9}}


class Rows(nn.Module):
    """The linear layer by rows, so that the graph has any number of them."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.linear = linear

    def forward(self, tokens):
        return self.linear(tokens)


def load_vicuna(folder: Path):
    from transformers import LlamaForCausalLM
    safe = bool(list(folder.glob('*.safetensors')))
    # Archives of torch are read as tensors alone (`weights_only`).
    return LlamaForCausalLM.from_pretrained(folder, use_safetensors=safe, local_files_only=True, dtype=torch.float32, **({} if safe else {'weights_only': True})).eval()


def signals_of(output: str) -> list[str]:
    name, count = GROUPS[output]
    return [f'[{name}{index}]' for index in range(count)]


def no_prompt(donor: Donor, component: dict) -> np.ndarray:
    """Conditioning of the empty text by the text encoder of a Stable Diffusion bundle, float32 [length, width]."""
    import onnxruntime
    tower = component['config']['towers'][0]
    words = json.loads((donor.folder / component['files']['vocabulary']['path']).read_text())
    written = lambda key, default: words.get(tower.get(key, default), words.get(f'{tower.get(key, default)}</w>'))
    length = tower.get('length', 77)
    ids = [written('begin', '<|startoftext|>'), written('end', '<|endoftext|>')]
    ids += [written('pad', '<|endoftext|>')] * (length - 2)
    session = onnxruntime.InferenceSession(str(donor.folder / component['files']['model']['path']), providers=['CPUExecutionProvider'])
    kind = np.int32 if session.get_inputs()[0].type == 'tensor(int32)' else np.int64
    return session.run([tower.get('states', 'last_hidden_state')], {'input_ids': np.array([ids], kind)})[0][0].astype('<f4')


def add_output(folder: BundleFolder, output: str, donor: Donor, projector, with_text_encoder: bool) -> tuple[dict, dict]:
    """The components of one output and its wiring."""
    out, given = folder.folder, donor.output(output)
    decoder = donor.component(given['decoder'], out)
    decoder['config'] |= {key: value for key, value in DECODING[output].items() if key in decoder['config'] or key not in ('frames', 'fps', 'seconds')}
    prompt = donor.bundle['components'][given['sources']['prompt']]
    if not decoder['config'].get('unconditional'):
        path = out / donor.prefix / 'no-prompt.f32'
        path.write_bytes(no_prompt(donor, prompt).tobytes())
        decoder['config']['unconditional'] = True
        decoder['files']['unconditional'] = folder.listed(path.relative_to(out).as_posix())
    name = f'{output}-output-projector'
    wide, width, count = projector.fc.in_features, projector.model.out_features, projector.query_embs.shape[1]
    states, signals = torch.randn(1, GROUPS[output][1], wide), GROUPS[output][1]
    folder.graph(name, 'model', name, lambda path: torch.onnx.export(TransformerProjectorGraph(projector).eval(), (states, states), str(path), input_names=['hidden', 'embedded'],
                                                                     output_names=['tokens'], opset_version=17, dynamo=False))
    components = {f'{output}-decoder': decoder, name: {'kind': 'output-projector', 'uses': 'nextgpt-transformer', 'config': {'signals': signals, 'model': wide, 'tokens': [count, width]}}}
    sources = {'signal': name}
    if with_text_encoder:
        components[f'{output}-prompt-encoder'] = donor.component(given['sources']['prompt'], out)
        sources['prompt'] = f'{output}-prompt-encoder'
    return components, {'decoder': f'{output}-decoder', 'sources': sources, 'chat': 'signal'}


@torch.no_grad()
def write_bundle(checkpoint: Path, vicuna, donors: dict[str, Donor], imagebind: Donor, out: Path, dtype: str, identity: str, licence: str, text_encoders: bool = True) -> dict:
    delta = read(checkpoint)
    merge(vicuna, delta)
    into = input_projection(delta)
    projectors = {output: output_projection(delta, output) for output in PROJECTORS}
    delta.finish()
    print(f'pytorch_model.pt: all of its {delta.count} tensors are used, none is missing', flush=True)
    folder, tokenizer = BundleFolder(out, dtype), tokenizer_of(checkpoint)
    components, inputs = {}, {}
    for modality, given in imagebind.bundle['inputs'].items():
        components[given['encoder']] = imagebind.component(given['encoder'], out)
        inputs[modality] = {'encoder': given['encoder'], 'projector': 'input-projector' if modality in PLACES else None}
    folder.graph('input-projector', 'model', 'input-projector', lambda path: torch.onnx.export(Rows(into).eval(), (torch.randn(2, into.in_features),), str(path), input_names=['tokens'], output_names=['embeds'],
                                                                                               opset_version=17, dynamo=False, dynamic_axes={'tokens': {0: 'n'}, 'embeds': {0: 'n'}}))
    components['input-projector'] = {'kind': 'input-projector', 'uses': 'linear', 'config': {'in': into.in_features, 'out': into.out_features}}
    outputs = {}
    for output, donor in donors.items():
        made, outputs[output] = add_output(folder, output, donor, projectors[output], text_encoders)
        components |= made
    components['language-model'] = add_language_model(folder, vicuna.eval(), tokenizer, TEMPLATE, {
        'mediaPlaces': PLACES, 'mediaEmbeds': dict.fromkeys(PLACES, 1), 'textStart': '<s>', 'stopTokens': ['</s>'], 'stopTexts': ['\n###', '###'], 'sampling': SAMPLING,
        'signals': {output: signals_of(output) for output in outputs}})
    own = {name: {key: value for key, value in component.items() if key != 'files'} for name, component in components.items() if 'files' not in component}
    whole = folder.write(own, id=identity, title=f'NExT-GPT 7B, {dtype}', licence=licence, source='ChocoWu/nextgpt_7b_tiva_v0', joint=imagebind.bundle['joint'], inputs=inputs, languageModel='language-model', outputs=outputs)
    whole['components'] |= {name: component for name, component in components.items() if 'files' in component}
    (out / 'bundle.json').write_text(json.dumps(whole, indent=2) + '\n')
    return whole


def main() -> None:
    parser = arguments('nextgpt', "NExT-GPT's released checkpoint to a bundle.")
    parser.set_defaults(licence='CC-BY-NC-SA-4.0')
    parser.add_argument('--vicuna', type=Path, required=True, help='folder of Vicuna 7B v0')
    parser.add_argument('--imagebind', type=Path, required=True, help='bundle of training.export.imagebind')
    for output, model in (('image', 'Stable Diffusion 1.5'), ('video', 'Zeroscope'), ('audio', 'AudioLDM')):
        parser.add_argument(f'--{output}', type=Path, help=f'bundle of {model}')
    parser.add_argument('--without-text-encoders', action='store_true', help='leave out what only prompts of people and negative prompts need')
    given = parser.parse_args()
    donors = {output: Donor(getattr(given, output), output) for output in PROJECTORS if getattr(given, output) is not None}
    write_bundle(Path(given.source), load_vicuna(given.vicuna), donors, Donor(given.imagebind, 'imagebind'), given.out, given.dtype, given.id or given.out.name.lower(), given.licence,
                 not given.without_text_encoders)


if __name__ == '__main__':
    main()
