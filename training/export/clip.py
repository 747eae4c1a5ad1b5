"""CLIP (OpenAI's, LAION's and others in transformers' layout) to a bundle that embeds texts and pictures in one space.

Usage: python -m training.export.clip SOURCE OUT [--dtype fp32|fp16|int8|int4] [--id ID] [--licence SPDX]. SOURCE is a folder or an id on the hub.
"""
from pathlib import Path

from transformers import AutoTokenizer, CLIPModel

from .bundle_folder import BundleFolder, arguments
from .embedders import picture_config, picture_graph, settings_of, text_graph, write
from .sources import folder_of


def write_bundle(model: CLIPModel, tokenizer, settings: dict, out: Path, dtype: str = 'fp32', identity: str | None = None, licence: str = 'NOASSERTION') -> dict:
    made, model = BundleFolder(out, dtype), model.eval()
    made.graph('text-encoder', 'model', 'text_model', lambda path: text_graph(
        model, lambda m, ids: m.text_projection(m.text_model(input_ids=ids).pooler_output), 'text_embeds', False, None, path), halves=True)
    made.tokenizer('text-encoder', tokenizer)
    size = model.config.vision_config.image_size
    made.graph('image-encoder', 'model', 'vision_model', lambda path: picture_graph(
        model, lambda m, pixels: m.visual_projection(m.vision_model(pixel_values=pixels).pooler_output), 'image_embeds', size, path), halves=True)
    configs = {'text': ('text-joint-tower', {'maxTokens': model.config.text_config.max_position_embeddings}), 'image': ('image-joint-tower', picture_config(settings, size))}
    return write(made, configs, model.config.projection_dim, identity, licence, 'CLIP', 'clip')


def main() -> None:
    given = arguments('clip', 'CLIP to a bundle that embeds texts and pictures.').parse_args()
    folder = folder_of(given.source, 'config.json')
    model = CLIPModel.from_pretrained(folder, attn_implementation='eager')
    write_bundle(model, AutoTokenizer.from_pretrained(folder), settings_of(folder), given.out, given.dtype, given.id, given.licence)


if __name__ == '__main__':
    main()
