"""What `checkpoints.py` makes: a line for each model_type, with a function that draws a small configuration of odd sizes.

A row is called `<model_type>` or `<model_type>-<what is special>`; `kinds` says what is compared (checkpoints.py).
"""

from dataclasses import dataclass
from random import Random
from typing import Callable

import transformers as hf


@dataclass
class Row:
    name: str
    config: Callable[[Random], hf.PretrainedConfig]
    kinds: tuple[str, ...] = ("causal", "classes")


def sizes(draw: Random) -> dict:
    """Heads that share keys in threes or not at all, widths that are no powers of two."""
    shared = draw.choice([1, 2, 3])
    key_heads = draw.choice([1, 2, 3])
    heads = shared * key_heads
    return {
        "vocab_size": draw.randint(23, 97),
        "hidden_size": heads * draw.choice([4, 6, 10]),
        "intermediate_size": draw.randint(9, 45),
        "num_hidden_layers": draw.choice([1, 2, 3]),
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "max_position_embeddings": 96,
        "tie_word_embeddings": draw.random() < 0.5,
        "initializer_range": 0.15,
        "attention_dropout": 0.0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": None,
    }


def rope(draw: Random, kind: str, width: int) -> dict:
    theta = draw.choice([100.0, 10000.0, 1000000.0])
    numbers = {
        "default": {},
        "linear": {"factor": draw.choice([2.0, 3.5])},
        "dynamic": {"factor": draw.choice([4.0, 5.0])},
        "yarn": {
            "factor": 4.0,
            "original_max_position_embeddings": draw.choice([8, 24]),
            **draw.choice([{}, {"beta_fast": 16.0, "beta_slow": 2.0}, {"attention_factor": 0.9}, {"truncate": False},
                           {"mscale": 0.8, "mscale_all_dim": 1.3}]),
        },
        "llama3": {
            "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": draw.choice([16, 32]),
        },
        "longrope": {
            "short_factor": [round(draw.uniform(1, 1.5), 3) for _ in range(width // 2)],
            "long_factor": [round(draw.uniform(2, 5), 3) for _ in range(width // 2)],
            "original_max_position_embeddings": 24,
            "factor": 4.0,
        },
    }
    return {"rope_type": kind, "rope_theta": theta, **numbers[kind]}


def llama(draw: Random, kind: str | None = None) -> hf.LlamaConfig:
    given = sizes(draw)
    width = draw.choice([4, 6, 10])
    if kind == "dynamic":  # positions beyond are what it is for
        given["max_position_embeddings"] = 24
    return hf.LlamaConfig(
        **given, head_dim=width, rms_norm_eps=draw.choice([1e-6, 1e-5]),
        attention_bias=draw.random() < 0.5, mlp_bias=draw.random() < 0.5,
        hidden_act=draw.choice(["silu", "gelu"]),
        rope_parameters=rope(draw, kind or "default", width),
    )


ROWS = [
    Row("llama", llama),
    *(Row(f"llama-{kind}", lambda draw, kind=kind: llama(draw, kind), ("causal",))
      for kind in ("linear", "dynamic", "yarn", "llama3", "longrope")),
]
