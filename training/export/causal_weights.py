"""A causal language model of transformers as the layers that `llama_graph.step_graph` knows: Llama, Mistral, SmolLM, Qwen 2 and 3, and what is built like them.

Reads one tensor at a time from a loaded model; refuses what the graph would compute otherwise. Knows no file and no tokenizer.
"""
import numpy as np

from .causal_parts import CausalParts
from .llama_weights import LlamaShape

#: Names of the parts of one layer, and nothing else, in every architecture that fits.
KNOWN = {'input_layernorm.weight', 'post_attention_layernorm.weight', 'self_attn.q_norm.weight', 'self_attn.k_norm.weight',
         *(f'self_attn.{name}_proj.{kind}' for name in 'qkvo' for kind in ('weight', 'bias')), *(f'mlp.{name}_proj.{kind}' for name in ('gate', 'up', 'down') for kind in ('weight', 'bias'))}


def reason_against(model) -> str | None:
    """Why the graph written by hand does not compute this model; None where it does."""
    config, decoder = model.config, model.get_decoder()
    if not all(hasattr(decoder, part) for part in ('layers', 'norm', 'rotary_emb', 'embed_tokens')):
        return 'its decoder has other parts'
    foreign = {name for layer in decoder.layers for name, _ in layer.named_parameters()} - KNOWN
    if foreign:
        return f'its layers have {", ".join(sorted(foreign))}'
    if config.hidden_act != 'silu':
        return f'its activation is {config.hidden_act}'
    if getattr(config, 'use_sliding_window', None) is not False and getattr(config, 'sliding_window', None) and config.sliding_window < config.max_position_embeddings:
        return 'it looks at a window of positions'
    if getattr(config, 'partial_rotary_factor', 1) != 1 or 'dynamic' in getattr(decoder.rotary_emb, 'rope_type', 'default') or getattr(decoder.rotary_emb, 'rope_type', 'default') == 'longrope':
        return 'its rotary positions change with the length or leave a part of each head'
    for name, usual in (('logits_scaling', 1), ('attention_multiplier', None), ('residual_multiplier', 1), ('embedding_multiplier', 1), ('no_rope_layers', None), ('final_logit_softcapping', None)):
        value = getattr(config, name, usual)
        # SmolLM3 leaves rotary positions out in some layers, by a list of ones and zeros.
        if value not in (usual, None) and not (name == 'no_rope_layers' and all(value)):
            return f'it has {name} {value}'
    return None


def shape_of(model) -> LlamaShape:
    config, decoder = model.config, model.get_decoder()
    width = getattr(config, 'head_dim', None) or config.hidden_size // config.num_attention_heads
    frequencies = tuple(float(value) for value in decoder.rotary_emb.inv_freq.detach().float().cpu().numpy())
    return LlamaShape(config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.num_key_value_heads or config.num_attention_heads, width, config.intermediate_size,
                      model.get_output_embeddings().weight.shape[0], 0.0, float(config.rms_norm_eps), frequencies, float(decoder.rotary_emb.attention_scaling),
                      hasattr(decoder.layers[0].self_attn, 'q_norm'))


def write_weights(model, parts: CausalParts) -> None:
    decoder, head = model.get_decoder(), model.get_output_embeddings()
    array = lambda tensor: tensor.detach().float().cpu().numpy()
    table = decoder.embed_tokens.weight
    least = 8 if parts.dtype == 'int4' else None
    parts.add_matrix('table', array(table), least, by_row=True)
    # Weights that are equal are kept once, whether the settings say so or not.
    if head.weight.data_ptr() != table.data_ptr() and not (head.weight.shape == table.shape and bool((head.weight == table).all())):
        parts.add_matrix('head', array(head.weight), least)
    if getattr(head, 'bias', None) is not None:
        raise SystemExit('the head has a bias, which the graph does not have.')
    for index, layer in enumerate(decoder.layers):
        attention, inner = layer.self_attn, layer.mlp
        parts.add_vector(f'{index}.attention_norm', array(layer.input_layernorm.weight))
        parts.add_vector(f'{index}.inner_norm', array(layer.post_attention_layernorm.weight))
        for kind in 'qk':
            if hasattr(attention, f'{kind}_norm'):
                parts.add_vector(f'{index}.{kind}_norm', array(getattr(attention, f'{kind}_norm').weight))
        for name, modules in (('qkv', [attention.q_proj, attention.k_proj, attention.v_proj]), ('o', [attention.o_proj]), ('gate_up', [inner.gate_proj, inner.up_proj]), ('down', [inner.down_proj])):
            parts.add_matrix(f'{index}.{name}', np.concatenate([array(module.weight) for module in modules]))
            if any(module.bias is not None for module in modules):
                parts.add_vector(f'{index}.{name}.bias', np.concatenate([array(module.bias) if module.bias is not None else np.zeros(module.weight.shape[0], np.float32) for module in modules]))
    parts.add_vector('norm', array(decoder.norm.weight))
