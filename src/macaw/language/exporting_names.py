"""Names: a Transformer of ours as the transformers library calls it: family, config and weights.

With SwiGLU and norms of queries and keys the network is Qwen3's (arXiv 2505.09388), without the norms Llama's
(2302.13971), number for number. What those two have not, squared ReLU, capped logits or a token that never
comes, has no place in their format.

Shapes: D width, H heads of queries, G of keys and values, K channels of a head, F hidden channels
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from macaw.language.shapes import EPSILON, Shape, TransformerShape

_PLAIN = {  # of a block, our names -> theirs, where the weights are the same arrays
    "attention.out.weight": "self_attn.o_proj.weight",
    "attention.query_norm.gain": "self_attn.q_norm.weight",
    "attention.key_norm.gain": "self_attn.k_norm.weight",
    "norm.gain": "input_layernorm.weight",
    "forward_norm.gain": "post_attention_layernorm.weight",
    "feed_forward.down.weight": "mlp.down_proj.weight",
}


def fault_of(shape: Shape) -> str:
    """What of a shape the library has no place for, in words; nothing where it has."""
    if not isinstance(shape, TransformerShape):
        return "it is a recurrent network, of which the format has no family"
    if shape.activation != "swiglu":
        return "its squared ReLU is neither Qwen3's nor Llama's SwiGLU"
    if shape.softcap:
        return f"its logits are capped at {shape.softcap:g}, which those of Qwen3 and Llama are not"
    if shape.never >= 0:
        return f"it never says token {shape.never}, which the format cannot tell"
    return ""


def config_of(shape: TransformerShape, *, start: int, end: int | None) -> dict[str, Any]:
    """The contents of `config.json`."""
    qwen = shape.qk_norm == "yes"
    return {
        "architectures": ["Qwen3ForCausalLM" if qwen else "LlamaForCausalLM"],
        "model_type": "qwen3" if qwen else "llama",
        "vocab_size": shape.tokens,
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.depth,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.pairs,
        "head_dim": shape.head,
        "hidden_act": "silu",
        "rms_norm_eps": EPSILON,
        "max_position_embeddings": shape.context,
        "rope_theta": shape.theta,  # as it was written before transformers 5
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.theta},
        "attention_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "use_cache": True,
        "bos_token_id": start,
        "eos_token_id": end,
        "dtype": "float32",
    }


def renamed(shape: TransformerShape, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our weights by the names that the library gives them, in rows of one kind."""
    found = {
        "model.embed_tokens.weight": weights["embedding.weight"],  # and of the output, which is tied to it
        "model.norm.weight": weights["norm.gain"],
    }
    ends = shape.heads * shape.head, (shape.heads + shape.pairs) * shape.head
    for i in range(shape.depth):
        mine, theirs = f"blocks.{i}.", f"model.layers.{i}."
        for name, part in zip("qkv", np.split(weights[mine + "attention.qkv.weight"], ends), strict=True):
            found[f"{theirs}self_attn.{name}_proj.weight"] = part
        gate, up = np.split(weights[mine + "feed_forward.up.weight"], 2)
        found |= {theirs + "mlp.gate_proj.weight": gate, theirs + "mlp.up_proj.weight": up}
        found |= {theirs + name: weights[mine + own] for own, name in _PLAIN.items() if mine + own in weights}
    return {name: np.ascontiguousarray(value) for name, value in found.items()}
