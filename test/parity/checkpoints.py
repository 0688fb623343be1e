"""Small checkpoints of every model_type with what transformers computes from them, and a look at what is written back.

Usage: python test/parity/checkpoints.py make FOLDER [--seed N] [--only NAME,NAME] [--plain]
       python test/parity/checkpoints.py check FOLDER

`make` writes FOLDER/<row>-<kind>/: config.json and weights as `save_pretrained` has them, in half precision, in several
files, and with the configuration in version 4's spelling where the seed says so (not with --plain), expected.safetensors,
and FOLDER/rows.json. `check` reads <row>-<kind>/saved/ with transformers and prints one JSON line for each.

B batch · T tokens · C width · V vocabulary · K classes
"""

import argparse
import json
import shutil
import warnings
from pathlib import Path
from random import Random

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers import (AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForQuestionAnswering,
                          AutoModelForSeq2SeqLM, AutoModelForSequenceClassification, AutoModelForTokenClassification, logging)
from decoding import decodings
from rows import ROWS

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()

B, T, K, NEW = 3, 29, 4, 64
EXACTLY = {"dtype": torch.float32, "attn_implementation": "eager", "experts_implementation": "eager"}


def ids_for(config, draw: Random, *shape) -> torch.Tensor:
    """Ids that are neither beginning nor end nor padding."""
    count = torch.Size(shape).numel()
    return torch.tensor([draw.randint(3, config.vocab_size - 1) for _ in range(count)]).reshape(shape)


def padded(rows, side: str):
    """Rows of several lengths side by side, with a mask and the places of their tokens."""
    width = max(len(row) for row in rows)
    fill = lambda row, value: ([value] * (width - len(row)) if side == "left" else []) + row + (
        [value] * (width - len(row)) if side == "right" else [])
    ids = torch.tensor([fill(row.tolist(), 0) for row in rows])
    mask = torch.tensor([fill([1] * len(row), 0) for row in rows])
    places = (mask.cumsum(1) - 1).clamp(min=0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": places}, mask


def last_of(logits, mask):
    at = (mask * torch.arange(mask.shape[1])).argmax(1)
    return logits[torch.arange(len(at)), at]


class Kind:
    """What is made, and with what keys of its configuration; `options` are for what makes it."""
    configure = {}

    @staticmethod
    def options(config) -> dict:
        return {}


class Causal(Kind):
    make = AutoModelForCausalLM

    @staticmethod
    def logits(model, expected):
        return model(input_ids=expected["ids"].long()).logits

    @staticmethod
    def inputs(config, draw):
        return {"ids": ids_for(config, draw, B, T), "targets": ids_for(config, draw, B, T)}

    @classmethod
    def loss(cls, model, expected):
        """With what keeps experts equally busy, where the configuration asks for it."""
        balanced = getattr(model.config, "output_router_logits", False)
        found = model(input_ids=expected["ids"].long(), **({"output_router_logits": True} if balanced else {}))
        loss = F.cross_entropy(found.logits.flatten(0, 1), expected["targets"].flatten())
        return loss + model.config.router_aux_loss_coef * found.aux_loss if balanced else loss

    @staticmethod
    def more(model, config, draw, expected):
        """Prompts of 1, 5 and 17 tokens: the logits after each, padded on both sides; 64 greedy tokens after each."""
        prompts = [ids_for(config, draw, n) for n in (1, 5, 17)]
        found = {}
        for i, prompt in enumerate(prompts):
            found[f"prompt.{i}"] = prompt
            said = model.generate(prompt[None], do_sample=False, max_new_tokens=NEW, eos_token_id=None, pad_token_id=0,
                                  output_logits=True, return_dict_in_generate=True)
            found[f"greedy.{i}"] = said.sequences[0]
            best = torch.stack(said.logits)[:, 0].topk(2).values
            found[f"margin.{i}"] = best[:, 0] - best[:, 1]
        for side in ("left", "right"):
            inputs, mask = padded(prompts, side)
            found[f"after.{side}"] = last_of(model(**inputs).logits, mask)
        return found


def ragged(config, draw: Random) -> dict:
    """Rows of 29, 1 and 7 tokens, filled up at the right with the padding's id."""
    ids, lengths = ids_for(config, draw, B, T), torch.tensor([T, 1, 7])
    ids[torch.arange(T)[None] >= lengths[:, None]] = config.pad_token_id
    return {"ids": ids, "lengths": lengths}


def meant(expected) -> torch.Tensor:
    return torch.arange(T)[None] < expected["lengths"][:, None]


def masked(expected) -> dict:
    return {"input_ids": expected["ids"].long(), "attention_mask": meant(expected).long()}


class Classes(Kind):
    make = AutoModelForSequenceClassification
    configure = {"num_labels": K}

    @staticmethod
    def inputs(config, draw):
        return {**ragged(config, draw), "targets": torch.tensor([draw.randrange(K) for _ in range(B)])}

    @staticmethod
    def logits(model, expected):
        return model(**masked(expected)).logits

    @classmethod
    def loss(cls, model, expected):
        return F.cross_entropy(cls.logits(model, expected), expected["targets"].long())

    @staticmethod
    def more(model, config, draw, expected):
        return {}


class Tags(Classes):
    """A class for every token that is meant; -100 where none is."""
    make = AutoModelForTokenClassification
    count = K

    @classmethod
    def inputs(cls, config, draw):
        found = ragged(config, draw)
        targets = torch.tensor([[draw.randrange(cls.count or config.vocab_size) for _ in range(T)] for _ in range(B)])
        return {**found, "targets": torch.where(meant(found), targets, -100)}

    @classmethod
    def logits(cls, model, expected):
        """0 where no token is meant: what is said there is nobody's business."""
        return model(**masked(expected)).logits * meant(expected)[..., None]

    @classmethod
    def loss(cls, model, expected):
        return F.cross_entropy(cls.logits(model, expected).flatten(0, 1), expected["targets"].long().flatten())


class Masked(Tags):
    make = AutoModelForMaskedLM
    configure = {}
    count = None


class Spans(Tags):
    """The first and the last token of an answer. Segments are two, where the model tells them apart."""
    make = AutoModelForQuestionAnswering
    configure = {"num_labels": 2}

    @staticmethod
    def inputs(config, draw):
        found = ragged(config, draw)
        kinds = min(2, getattr(config, "type_vocab_size", 1))
        segments = (torch.arange(T)[None] >= torch.tensor([[3], [1], [5]])).int() * (kinds - 1)
        ends = [[draw.randrange(length) for _ in range(2)] for length in found["lengths"].tolist()]
        return {**found, "segments": segments.expand(B, T), "targets": torch.tensor(ends)}

    @staticmethod
    def logits(model, expected):
        kinds = {"token_type_ids": expected["segments"].long()} if hasattr(model.config, "type_vocab_size") else {}
        found = model(**masked(expected), **kinds)
        return torch.stack([found.start_logits, found.end_logits], -1) * meant(expected)[..., None]

    @classmethod
    def loss(cls, model, expected):
        """Over the tokens that are meant. The squares give the last bias, by which softmax does not change, a gradient."""
        logits = cls.logits(model, expected)
        inside = logits.masked_fill(~meant(expected)[..., None], -1e9).transpose(1, 2).flatten(0, 1)
        return F.cross_entropy(inside, expected["targets"].long().flatten()) + logits.square().mean()


class Sentence(Classes):
    """The mean of what the tokens that are meant became, and what the first became: [B, 2, C]."""
    make = AutoModel
    configure = {}

    @staticmethod
    def options(config):
        return {"add_pooling_layer": False} if config.model_type in ("bert", "roberta") else {}

    @staticmethod
    def inputs(config, draw):
        return {**ragged(config, draw), "targets": torch.randn(B, 2, config.hidden_size)}

    @staticmethod
    def logits(model, expected):
        x, here = model(**masked(expected)).last_hidden_state, meant(expected)[..., None]
        return torch.stack([(x * here).sum(1) / here.sum(1), x[:, 0]], 1)

    @classmethod
    def loss(cls, model, expected):
        return (cls.logits(model, expected) * expected["targets"]).mean()


class EncoderDecoder(Kind):
    """Sources of 29, 1 and 7 tokens, filled up at the right, and what is written of each alone: 64 tokens greedily, and the best of
    four beams, which may end. A model whose head is one of its own gets one."""
    make = AutoModelForSeq2SeqLM
    penalty, most = 0.7, 24

    @staticmethod
    def inputs(config, draw):
        found, size = ragged(config, draw), getattr(config, "decoder_vocab_size", config.vocab_size)
        ids = lambda: torch.tensor([[draw.randrange(size) for _ in range(11)] for _ in range(B)])
        return {"source": found["ids"], "sourceLengths": found["lengths"], "target": ids(), "targets": ids()}

    @staticmethod
    def logits(model, expected):
        seen = torch.arange(T)[None] < expected["sourceLengths"][:, None]
        return model(input_ids=expected["source"].long(), attention_mask=seen.long(),
                     decoder_input_ids=expected["target"].long()).logits

    @classmethod
    def loss(cls, model, expected):
        return F.cross_entropy(cls.logits(model, expected).flatten(0, 1), expected["targets"].long().flatten())

    @classmethod
    def more(cls, model, config, draw, expected):
        model.generation_config = type(model.generation_config)()
        never = [config.pad_token_id] if config.model_type == "marian" else []
        start = {"bad_words_ids": [[id] for id in never] or None, "decoder_start_token_id": config.decoder_start_token_id, "pad_token_id": config.pad_token_id, "do_sample": False}
        found, alone = {"start": torch.tensor([config.decoder_start_token_id]), "end": torch.tensor([config.eos_token_id]),
                        "penalty": torch.tensor([cls.penalty]), "never": torch.tensor(never)}, []
        for i, length in enumerate(expected["sourceLengths"].tolist()):
            source = expected["source"][i : i + 1, :length].long()
            alone.append(model(input_ids=source, decoder_input_ids=expected["target"][i : i + 1].long()).logits)
            found[f"greedy.{i}"] = model.generate(source, max_new_tokens=NEW, eos_token_id=None, **start)[0]
            found[f"beam.{i}"] = model.generate(source, max_new_tokens=cls.most, eos_token_id=config.eos_token_id, num_beams=4,
                                                length_penalty=cls.penalty, **start)[0]
        return {**found, "alone": torch.cat(alone)}


KINDS = {"encoderDecoder": EncoderDecoder, "causal": Causal, "classes": Classes, "tags": Tags, "masked": Masked, "spans": Spans, "sentence": Sentence}


def untie(model):
    """T5 with a head of its own is made with that of the embedding, and keeps it only where the two differ."""
    if getattr(model.config, "scale_decoder_outputs", True) is False:
        model.lm_head.weight = torch.nn.Parameter(0.3 * torch.randn_like(model.lm_head.weight))


def move(model):
    """Biases start at 0 and norms at 1 or 0: move them, so that a test can tell them apart."""
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() < 2:
                p.add_(0.2 * torch.randn_like(p))
        for name, bias in model.named_buffers():
            if name == "final_logits_bias":
                bias.add_(0.2 * torch.randn_like(bias))


def former(config: dict) -> dict:
    """The same configuration as version 4 spells it."""
    rope = config.pop("rope_parameters", None)
    if rope and "rope_theta" in rope:
        config["rope_theta"] = rope.pop("rope_theta")
        if "partial_rotary_factor" in rope:
            config["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
        config["rope_scaling"] = None if rope.get("rope_type") == "default" else rope
    elif rope and config["model_type"] == "modernbert":
        config["global_rope_theta"] = rope["full_attention"]["rope_theta"]
        config["local_rope_theta"] = rope["sliding_attention"]["rope_theta"]
    elif rope:  # by kind of block: Gemma 3
        config["rope_theta"] = rope["full_attention"].pop("rope_theta")
        config["rope_local_base_freq"] = rope["sliding_attention"].pop("rope_theta")
        config["rope_scaling"] = None if rope["full_attention"].get("rope_type") == "default" else rope["full_attention"]
    if config.pop("scale_decoder_outputs", True) is False:  # T5
        config["tie_word_embeddings"] = False
    if "dtype" in config:
        config["torch_dtype"] = config.pop("dtype")
    return config


def gradients(model, folder: Path) -> dict:
    """Gradients by the names and in the shapes of the file."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.zeros_like(p) if p.grad is None else p.grad)
    model.save_pretrained(folder / "gradients")
    found = load_file(folder / "gradients" / "model.safetensors")
    shutil.rmtree(folder / "gradients")
    return {f"grad.{name}": value for name, value in found.items()}


def save(model, folder: Path, draw: Random, plain: bool) -> str:
    """Writes the checkpoint, and says in what form."""
    storage = "float32" if plain else draw.choice(["float32", "float16", "bfloat16"])
    spelling, size = (5, "1GB") if plain else (draw.choice([4, 5]), draw.choice(["1GB", "20KB"]))
    model.to(getattr(torch, storage)).save_pretrained(folder, max_shard_size=size)
    if spelling == 4:
        path = folder / "config.json"
        path.write_text(json.dumps(former(json.loads(path.read_text())), indent=2) + "\n")
    return f"{storage}{' in parts' if (folder / 'model.safetensors.index.json').exists() else ''}, config {spelling}"


def make(row, kind: str, out: Path, seed: int, plain: bool) -> dict:
    draw = Random(f"{seed} {row.name}")
    torch.manual_seed(draw.randrange(2**31))
    name, how = f"{row.name}-{kind}", KINDS[kind]
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = row.config(draw)
    for key, value in how.configure.items():
        setattr(config, key, value)
    if kind != "causal" and config.pad_token_id is None:
        config.pad_token_id = 0
    options = how.options(config)
    model = how.make.from_config(config, **options).eval()
    untie(model)
    move(model)
    form = save(model, folder, draw, plain)
    model = how.make.from_pretrained(folder, **EXACTLY, **options).eval()
    if kind == "causal":
        model.generation_config = type(model.generation_config)()
    expected = how.inputs(config, draw)
    with torch.no_grad():
        expected["logits"] = how.logits(model, expected)
        expected.update(how.more(model, config, draw, expected))
        if kind == "causal":
            lines = [json.dumps(one, separators=(",", ":")) for one in decodings(model, expected["prompt.1"])]
            (folder / "decoding.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    loss = how.loss(model, expected)
    loss.backward()
    expected["loss"] = loss.detach()
    expected.update(gradients(model, folder))
    save_file({key: as_stored(value) for key, value in expected.items()}, folder / "expected.safetensors")
    count = sum(p.numel() for p in model.parameters())
    return {"name": name, "kind": kind, "modelType": config.model_type, "parameters": count, "form": form}


def as_stored(value: torch.Tensor) -> torch.Tensor:
    return (value.float() if value.is_floating_point() else value.int()).contiguous().clone()


def check(out: Path):
    for row in json.loads((out / "rows.json").read_text()):
        folder = out / row["name"]
        if not (folder / "saved").exists():
            continue
        how, expected = KINDS[row["kind"]], load_file(folder / "expected.safetensors")
        options = how.options(AutoConfig.from_pretrained(folder / "saved"))
        model, info = how.make.from_pretrained(folder / "saved", **EXACTLY, **options, output_loading_info=True)
        with torch.no_grad():
            off = (how.logits(model.eval(), expected) - expected["logits"]).abs().max().item()
        odd = [*info["missing_keys"], *info["unexpected_keys"], *info["mismatched_keys"]]
        print(json.dumps({"name": row["name"], "logits": off, "odd": [str(key) for key in odd]}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["make", "check"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.what == "check":
        check(given.folder)
    else:
        only = set(filter(None, given.only.split(",")))
        rows = [
            make(row, kind, given.folder, given.seed, given.plain)
            for row in ROWS for kind in row.kinds
            if not only or only & {row.name, f"{row.name}-{kind}"}
        ]
        (given.folder / "rows.json").write_text(json.dumps(rows, indent=2) + "\n")
