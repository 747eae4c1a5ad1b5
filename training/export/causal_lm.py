"""A causal language model (Llama, Mistral, SmolLM, Qwen 2 and 3, and others) to a bundle: embeddings in, logits, hidden states and new keys and values out.

Usage: python -m training.export.causal_lm SOURCE OUT [--dtype fp32|fp16|int8|int4] [--template FILE] [--traced] [--no-check] [--id ID] [--licence SPDX]
SOURCE is a folder in transformers' layout or its id on the hub, a .safetensors file beside its config.json, or a .gguf file. Models of Llama's kind get a graph
written by hand, whose decoding is fast; of others the model's own code is traced. Knows nothing of TypeScript.
"""
import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .bundle_folder import BundleFolder, arguments
from .causal_check import compare
from .causal_parts import CausalParts
from .causal_weights import reason_against, shape_of, write_weights
from .llama_graph import step_graph
from .picture_chain import STARTS_WITH, stops_of
from .sources import folder_of
from .step_trace import export_embedding, export_step
from .step_trace import shape_of as sizes_of

#: For models that were trained on no conversations: they are shown one as a script.
SCRIPT = "{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
PART = 'language-model'


def load(source: str):
    """Model (float32) and tokenizer. Weights are read from safetensors or GGUF alone."""
    path = Path(source)
    if path.suffix == '.gguf':
        if not path.is_file():
            raise SystemExit(f'{source}: no such file.')
        given = dict(pretrained_model_name_or_path=path.parent, gguf_file=path.name)
        return AutoModelForCausalLM.from_pretrained(**given, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(**given)
    if path.suffix in ('.bin', '.pt', '.pth', '.ckpt'):
        raise SystemExit(f'{path.name}: a pickle can run any code when it is read; use the .safetensors file of the same model.')
    folder = folder_of(str(path.parent) if path.suffix == '.safetensors' else source, 'config.json')
    model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, local_files_only=True, dtype=torch.float32, trust_remote_code=False).eval()
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def template_for(tokenizer, file: Path | None) -> str:
    """The chat template, with the first token where the tokenizer itself writes it."""
    template = file.read_text() if file else tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get('default')
    if not template:
        print('no chat template: conversations are shown to the model as a script; give one with --template FILE.')
        template = SCRIPT
    begins = tokenizer.bos_token_id is not None and tokenizer('x').input_ids[:1] == [tokenizer.bos_token_id]
    return (STARTS_WITH if begins and 'bos_token' not in template and tokenizer.bos_token not in template else '') + template


def sampling_of(model) -> dict:
    """The model's own defaults; without any the most likely token, with repetitions made less so."""
    given = model.generation_config
    drawn = {'temperature': given.temperature if given.temperature is not None else 1, 'topK': given.top_k or 0, 'topP': given.top_p or 1} if given.do_sample else {'temperature': 0}
    return {**drawn, 'repetitionPenalty': given.repetition_penalty if given.repetition_penalty not in (None, 1) else 1.1, 'maxTokens': 512}


def add_tokenizer(folder: BundleFolder, tokenizer, template: str) -> None:
    """tokenizer.json, its settings without what stands in it already, and the chat template as a file."""
    folder.tokenizer(PART, tokenizer)
    kept = folder.folder / 'tokenizer'
    for path in kept.iterdir():
        if path.name not in ('tokenizer.json', 'tokenizer_config.json'):
            path.unlink()
    settings = json.loads((kept / 'tokenizer_config.json').read_text())
    unwanted = ('chat_template', 'added_tokens_decoder', 'is_local', 'local_files_only', 'name_or_path')
    (kept / 'tokenizer_config.json').write_text(json.dumps({key: value for key, value in settings.items() if key not in unwanted}, indent=1) + '\n')
    (kept / 'chat_template.jinja').write_text(template)
    folder.file(PART, 'tokenizerConfig', 'tokenizer/tokenizer_config.json')
    folder.file(PART, 'chatTemplate', 'tokenizer/chat_template.jinja')


def add_graphs(folder: BundleFolder, model, dtype: str, traced: bool) -> None:
    against = 'traced, as asked for' if traced else reason_against(model)
    if against is not None:
        print(f'the graph is traced from the model\'s own code: {against}')
        folder.graph(PART, 'model', PART, lambda path: export_step(model, path))
        folder.graph(PART, 'embed', 'embedding', lambda path: export_embedding(model, path), small=True)
        return
    (folder.folder / PART).mkdir(exist_ok=True)
    parts = CausalParts(folder.folder / PART, dtype)
    write_weights(model, parts)
    weights = parts.close()
    step_graph(shape_of(model), parts, 0).save(folder.folder / PART / 'model.onnx', 'anymodal')
    parts.embedding_graph().save(folder.folder / PART / 'embed.onnx', 'anymodal')
    folder.file(PART, 'model', f'{PART}/model.onnx')
    folder.file(PART, 'embed', f'{PART}/embed.onnx')
    for index, path in enumerate(weights):
        folder.file(PART, f'weights{index}', f'{PART}/{path.name}')
    print(f'{PART}: {sum(path.stat().st_size for path in (folder.folder / PART).iterdir()) / 1e6:.1f} MB', flush=True)


@torch.no_grad()
def write_bundle(model, tokenizer, out: Path, dtype: str, identity: str | None = None, title: str | None = None, licence: str = 'NOASSERTION', template: Path | None = None, traced: bool = False) -> dict:
    """The whole bundle; returns it. The model is a bundle of its own, and `--use language-model=OUT` puts it over another."""
    folder = BundleFolder(out, dtype)
    add_graphs(folder, model, dtype, traced)
    add_tokenizer(folder, tokenizer, template_for(tokenizer, template))
    config = {**sizes_of(model), 'stopTokens': stops_of(model, tokenizer), 'sampling': sampling_of(model)}
    name = type(model).__name__
    return folder.write({PART: {'kind': 'language-model', 'uses': 'causal-lm', 'config': config}}, id=identity or out.name.lower(), title=title or f'{name}, {dtype}', licence=licence,
                        source='exported by training/export/causal_lm.py', languageModel=PART)


def main() -> None:
    parser = arguments('causal_lm', 'A causal language model to a bundle.')
    parser.add_argument('--template', type=Path, help='file with a chat template (Jinja) in place of the model\'s own')
    parser.add_argument('--traced', action='store_true', help='trace the model\'s own code also where there is a graph written by hand')
    parser.add_argument('--no-check', action='store_true', help='do not compare the graphs with the model')
    given = parser.parse_args()
    model, tokenizer = load(given.source)
    write_bundle(model, tokenizer, given.out, given.dtype, given.id, None, given.licence, given.template, given.traced)
    if not given.no_check:
        print(compare(model, given.out))


if __name__ == '__main__':
    main()
