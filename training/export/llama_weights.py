"""Weights of a Llama-like language model (RMSNorm, rotary positions, grouped keys, SwiGLU, no biases) in the layout that the exporter,
the quantiser and the trainer share: fused projections, one dictionary a layer. Knows no tokens, no graph and no training."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Linear parts of one layer, in the order of their use: [out, in] each; "qkv" and "gate_up" are stacked along out.
LINEARS = ("qkv", "o", "gate_up", "down")


@dataclass(frozen=True)
class LlamaShape:
    layers: int
    width: int
    heads: int
    key_heads: int
    head_width: int
    inner: int
    vocabulary: int
    rope_base: float
    epsilon: float
    #: Inverse frequencies of the rotary positions where they are not powers of the base, and what multiplies their cosines and sines.
    frequencies: tuple[float, ...] = ()
    rope_scale: float = 1.0
    #: Whether each head's queries and keys are normed (Qwen3).
    head_norms: bool = False


@dataclass
class LlamaWeights:
    """float32 throughout. `layers[i]` has the four LINEARS and the vectors "attention_norm" and "inner_norm"."""

    shape: LlamaShape
    layers: list[dict[str, np.ndarray]]
    norm: np.ndarray
    table: np.ndarray  # [vocabulary, width]; tied: it is the head as well


def from_transformers(model) -> LlamaWeights:
    """Fused float32 weights of a `LlamaForCausalLM`. Throws ValueError where the model is not tied or has biases."""
    config = model.config
    state = {name: value.detach().float().numpy() for name, value in model.state_dict().items()}
    if any(name.endswith("proj.bias") for name in state):
        raise ValueError("this model has biases in its projections; the exporter expects none")
    if not config.tie_word_embeddings:
        raise ValueError("this model's head is not its embedding table; the exporter expects a tied head")
    base = getattr(config, "rope_theta", None) or config.rope_parameters["rope_theta"]
    head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    shape = LlamaShape(config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.num_key_value_heads, head_width,
                       config.intermediate_size, config.vocab_size, float(base), float(config.rms_norm_eps))

    def layer(index: int) -> dict[str, np.ndarray]:
        part = lambda name: state[f"model.layers.{index}.{name}.weight"]
        return {
            "attention_norm": part("input_layernorm"),
            "qkv": np.concatenate([part(f"self_attn.{name}_proj") for name in "qkv"]),
            "o": part("self_attn.o_proj"),
            "inner_norm": part("post_attention_layernorm"),
            "gate_up": np.concatenate([part("mlp.gate_proj"), part("mlp.up_proj")]),
            "down": part("mlp.down_proj"),
        }

    return LlamaWeights(shape, [layer(index) for index in range(shape.layers)], state["model.norm.weight"], state["model.embed_tokens.weight"])


def from_gguf(path: Path):
    """The transformers model (float32, dequantised) and tokenizer in one GGUF file."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
