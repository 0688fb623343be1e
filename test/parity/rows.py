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
    key_heads = draw.choice([1, 2])
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


def window(draw: Random):
    """From 2 on: with a window of 1 the cache of transformers 5.24 keeps all tokens, against its own forward pass."""
    return draw.choice([None, 2, 3, 8])


def head_width(draw: Random) -> int:
    return draw.choice([4, 6, 10])


def mistral(draw: Random) -> hf.MistralConfig:
    width = head_width(draw)
    return hf.MistralConfig(**sizes(draw), head_dim=width, sliding_window=window(draw),
                            rope_parameters=rope(draw, "default", width))


def late_windows(draw: Random, layers: int) -> dict:
    """Windows from some block on, in every block that a list names, or nowhere."""
    way = draw.choice(["late", "listed", "none"])
    if way == "none":
        return {"use_sliding_window": False}
    kinds = [draw.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]
    return {"use_sliding_window": True, "sliding_window": draw.choice([2, 5]), "max_window_layers": draw.choice([0, 1]),
            "layer_types": kinds if way == "listed" else None}


def qwen2(draw: Random) -> hf.Qwen2Config:
    given = sizes(draw)
    return hf.Qwen2Config(**given, **late_windows(draw, given["num_hidden_layers"]),
                          rope_parameters=rope(draw, "default", given["hidden_size"] // given["num_attention_heads"]))


def qwen3(draw: Random) -> hf.Qwen3Config:
    given, width = sizes(draw), head_width(draw)
    return hf.Qwen3Config(**given, **late_windows(draw, given["num_hidden_layers"]), head_dim=width,
                          attention_bias=draw.random() < 0.5, rope_parameters=rope(draw, "default", width))


def mixtral(draw: Random) -> hf.MixtralConfig:
    given, width, experts = sizes(draw), head_width(draw), draw.choice([2, 3, 5])
    return hf.MixtralConfig(**given, head_dim=width, sliding_window=window(draw), num_local_experts=experts,
                            num_experts_per_tok=draw.randint(1, experts), output_router_logits=draw.random() < 0.7,
                            router_aux_loss_coef=0.1, rope_parameters=rope(draw, "default", width))


def phi3(draw: Random, kind: str = "default") -> hf.Phi3Config:
    given = {**sizes(draw), "pad_token_id": 0}
    heads = given["num_attention_heads"]
    part = draw.choice([1.0, 0.75, 0.5])
    given["hidden_size"] = heads * (16 if heads < 4 and draw.random() < 0.5 else 8)  # so that parts of a head are even
    turned = int(given["hidden_size"] // heads * part)
    parameters = {**rope(draw, kind, turned), "partial_rotary_factor": part}
    parameters.pop("factor", None)
    parameters.pop("original_max_position_embeddings", None)
    return hf.Phi3Config(**given, sliding_window=window(draw), rope_parameters=parameters,
                         original_max_position_embeddings=24 if kind == "longrope" else 96)


def gemma3_text(draw: Random) -> hf.Gemma3TextConfig:
    given, width = sizes(draw), head_width(draw)
    given["num_hidden_layers"] = draw.choice([2, 3])
    kind = draw.choice(["default", "linear"])
    kinds = [draw.choice(["full_attention", "sliding_attention"]) for _ in range(given["num_hidden_layers"])]
    return hf.Gemma3TextConfig(
        **given, head_dim=width, sliding_window=draw.choice([2, 4, 9]), layer_types=kinds,
        query_pre_attn_scalar=draw.choice([5, 16, 256]), attention_bias=draw.random() < 0.3,
        final_logit_softcapping=draw.choice([None, 2.0, 30.0]), hidden_activation="gelu_pytorch_tanh",
        rope_parameters={"full_attention": rope(draw, kind, width), "sliding_attention": rope(draw, "default", width)},
    )


def gpt_neo(draw: Random) -> hf.GPTNeoConfig:
    layers, heads = draw.choice([1, 2, 4]), draw.choice([1, 2, 3])
    kinds = draw.choice([[[["global"], layers]], [[["local"], layers]],
                         [[["local", "global"], layers // 2], [["local"], layers % 2]]])
    return hf.GPTNeoConfig(
        vocab_size=draw.randint(23, 97), hidden_size=heads * draw.choice([3, 5, 8]), num_layers=layers, num_heads=heads,
        intermediate_size=draw.choice([None, 21]), attention_types=kinds, window_size=draw.choice([1, 4, 9]),
        max_position_embeddings=96, activation_function=draw.choice(["gelu_new", "relu"]), initializer_range=0.15,
        embed_dropout=0.0, attention_dropout=0.0, resid_dropout=0.0, bos_token_id=1, eos_token_id=2,
    )


def gpt2(draw: Random) -> hf.GPT2Config:
    heads = draw.choice([1, 2, 3])
    return hf.GPT2Config(
        vocab_size=draw.randint(23, 97), n_positions=96, n_embd=heads * draw.choice([3, 5, 8]), n_layer=draw.choice([1, 3]),
        n_head=heads, activation_function=draw.choice(["gelu_new", "gelu"]), initializer_range=0.15,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=1, eos_token_id=2,
    )


ENCODER = ("masked", "classes", "tags", "spans", "sentence")


def encoder(draw: Random) -> dict:
    heads = draw.choice([1, 2, 3])
    return {
        "vocab_size": draw.randint(23, 97), "hidden_size": heads * draw.choice([3, 5, 8]), "num_attention_heads": heads,
        "intermediate_size": draw.randint(9, 45), "num_hidden_layers": draw.choice([1, 2, 3]),
        "max_position_embeddings": draw.choice([31, 40]), "hidden_act": draw.choice(["gelu", "relu", "gelu_new"]),
        "layer_norm_eps": draw.choice([1e-12, 1e-5]), "initializer_range": 0.15, "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


def bert(draw: Random) -> hf.BertConfig:
    return hf.BertConfig(**encoder(draw), type_vocab_size=draw.choice([2, 3]), pad_token_id=0)


def roberta(draw: Random) -> hf.RobertaConfig:
    return hf.RobertaConfig(**encoder(draw), type_vocab_size=draw.choice([1, 2]), pad_token_id=1)


def distilbert(draw: Random) -> hf.DistilBertConfig:
    heads = draw.choice([1, 2, 3])
    return hf.DistilBertConfig(
        vocab_size=draw.randint(23, 97), dim=heads * draw.choice([3, 5, 8]), n_heads=heads, hidden_dim=draw.randint(9, 45),
        n_layers=draw.choice([1, 2, 3]), max_position_embeddings=draw.choice([29, 40]), activation=draw.choice(["gelu", "relu"]),
        initializer_range=0.15, dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0, qa_dropout=0.0, pad_token_id=0,
    )


def t5(draw: Random, tied: bool) -> hf.T5Config:
    """Distances beyond the last bucket are in every source. The cache of transformers 5.24 has no place for more blocks in the
    decoder than in the encoder."""
    layers = draw.choice([1, 2, 3])
    return hf.T5Config(
        vocab_size=draw.randint(23, 97), d_model=draw.choice([6, 10, 15]), d_kv=draw.choice([3, 4]), d_ff=draw.randint(9, 45),
        num_layers=layers, num_decoder_layers=draw.randint(1, layers), num_heads=draw.choice([1, 2, 3]),
        relative_attention_num_buckets=draw.choice([6, 8, 12]), relative_attention_max_distance=draw.choice([9, 16, 128]),
        layer_norm_epsilon=draw.choice([1e-6, 1e-5]), dropout_rate=0.0, initializer_factor=draw.choice([0.7, 1.0]),
        feed_forward_proj=draw.choice(["gelu_new", "relu"] if tied else ["gated-silu", "gated-gelu"]),
        tie_word_embeddings=tied, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    )


def marian(draw: Random, shared: bool) -> hf.MarianConfig:
    """Widths are even, as those of sines are. The cache of transformers 5.24 has no place for more blocks in the decoder."""
    layers, heads, size = draw.choice([1, 2, 3]), draw.choice([1, 2, 3]), draw.randint(23, 97)
    start = draw.choice([0, size - 1])
    return hf.MarianConfig(
        vocab_size=size, decoder_vocab_size=size if shared else draw.randint(size, 97), share_encoder_decoder_embeddings=shared,
        d_model=heads * draw.choice([4, 6, 10]), encoder_layers=layers, decoder_layers=draw.randint(1, layers),
        encoder_attention_heads=draw.choice([1, heads]), decoder_attention_heads=heads, encoder_ffn_dim=draw.randint(9, 45),
        decoder_ffn_dim=draw.randint(9, 45), max_position_embeddings=96, activation_function=draw.choice(["swish", "gelu", "relu"]),
        scale_embedding=draw.random() < 0.5, init_std=0.15, dropout=0.0, attention_dropout=0.0, activation_dropout=0.0,
        decoder_start_token_id=start, pad_token_id=start, eos_token_id=1, forced_eos_token_id=None, bos_token_id=None,
    )


def modernbert(draw: Random) -> hf.ModernBertConfig:
    heads, layers = draw.choice([1, 2, 3]), draw.choice([2, 3, 4])
    kinds = [draw.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]
    return hf.ModernBertConfig(
        vocab_size=draw.randint(23, 97), hidden_size=heads * draw.choice([4, 6, 10]), num_attention_heads=heads,
        intermediate_size=draw.randint(9, 45), num_hidden_layers=layers, max_position_embeddings=draw.choice([29, 40]),
        local_attention=draw.choice([2, 3, 8]), layer_types=draw.choice([None, kinds]), hidden_activation=draw.choice(["gelu", "silu"]),
        norm_bias=draw.random() < 0.5, attention_bias=draw.random() < 0.5, mlp_bias=draw.random() < 0.5,
        classifier_bias=draw.random() < 0.5, decoder_bias=draw.random() < 0.5, classifier_pooling=draw.choice(["cls", "mean"]),
        rope_parameters={kind: {"rope_type": "default", "rope_theta": draw.choice([100.0, 10000.0, 160000.0])}
                         for kind in ("full_attention", "sliding_attention")},
        initializer_range=0.15, initializer_cutoff_factor=2.0, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1,
        sep_token_id=2,
    )


ROWS = [
    Row("gpt2", gpt2),
    Row("gpt_neo", gpt_neo),
    Row("llama", llama),
    *(Row(f"llama-{kind}", lambda draw, kind=kind: llama(draw, kind), ("causal",))
      for kind in ("linear", "dynamic", "yarn", "llama3", "longrope")),
    Row("mistral", mistral),
    Row("mixtral", mixtral),
    Row("qwen2", qwen2),
    Row("qwen3", qwen3),
    Row("phi3", phi3),
    Row("phi3-longrope", lambda draw: phi3(draw, "longrope"), ("causal",)),
    Row("gemma3_text", gemma3_text),
    Row("bert", bert, ENCODER),
    Row("roberta", roberta, ENCODER),
    Row("distilbert", distilbert, ENCODER),
    Row("modernbert", modernbert, ENCODER),
    Row("t5", lambda draw: t5(draw, True), ("encoderDecoder",)),
    Row("t5-untied", lambda draw: t5(draw, False), ("encoderDecoder",)),
    Row("marian", lambda draw: marian(draw, True), ("encoderDecoder",)),
    Row("marian-apart", lambda draw: marian(draw, False), ("encoderDecoder",)),
]
