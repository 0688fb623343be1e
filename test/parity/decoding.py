"""What transformers' generate() gives after a prompt, decoded in several ways: ids and log p of each.

For draws, one number is given for each token, and falls on ids in the order of falling probability.
"""

import torch

NEW = 24

WAYS = [
    {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    {"num_beams": 4, "length_penalty": 1.0},
    {"num_beams": 4, "length_penalty": 0.0, "end": 1},
    {"num_beams": 4, "length_penalty": 2.0, "end": 2},
    {"num_beams": 4, "length_penalty": -1.0, "end": 2},
    {"num_beams": 3, "length_penalty": 1.0, "early_stopping": True, "end": 2},
    {"num_beams": 4, "repetition_penalty": 1.2, "no_repeat_ngram_size": 2, "min_new_tokens": 7, "end": 2},
    {"do_sample": True, "temperature": 0.9, "top_k": 20},
    {"do_sample": True, "temperature": 1.2, "top_k": 0, "top_p": 0.9, "repetition_penalty": 1.2, "no_repeat_ngram_size": 3},
    {"do_sample": True, "temperature": 1.5, "top_k": 0, "min_p": 0.05, "min_new_tokens": 5, "end": 3},
    {"do_sample": True, "temperature": 1.0, "top_k": 0, "typical_p": 0.8, "repetition_penalty": 0.9},
    {"do_sample": True, "temperature": 0.8, "top_k": 30, "top_p": 0.95, "min_p": 0.02, "repetition_penalty": 1.1},
]


def drawing(numbers):
    """In place of torch.multinomial: the id at which the mass of those before it reaches the next number."""
    left = iter(numbers)

    def multinomial(probabilities, num_samples):
        masses, ids = probabilities[0].double().sort(descending=True, stable=True)
        at = torch.searchsorted(masses.cumsum(0), next(left) * masses.sum())
        return ids[at.clamp(max=len(ids) - 1)].reshape(1, 1)

    return multinomial


def often(model, prompt, count: int) -> list[int]:
    """Ids that are likely six tokens on but not at once: texts end there, at different lengths."""
    said = model.generate(prompt, do_sample=False, max_new_tokens=6, eos_token_id=None, pad_token_id=0,
                          output_logits=True, return_dict_in_generate=True)
    first, last = (said.logits[i][0].topk(k).indices.tolist() for i, k in ((0, 4), (-1, 4 + count)))
    return [id for id in last if id not in first][:count]


def decoded(model, prompt, options: dict, seed: int) -> dict:
    """`end`: how many ids end a text."""
    options = dict(options)
    ends = often(model, prompt[None], options.pop("end", 0))
    numbers = torch.rand(NEW, generator=torch.Generator().manual_seed(seed))
    given = {"do_sample": False, **options, "eos_token_id": ends or None}
    before, torch.multinomial = torch.multinomial, drawing(numbers.double())
    try:
        said = model.generate(prompt[None], **given, max_new_tokens=NEW, pad_token_id=0, output_scores=True,
                              return_dict_in_generate=True)
    finally:
        torch.multinomial = before
    beams = "num_beams" in options
    scores = model.compute_transition_scores(said.sequences, said.scores, said.beam_indices if beams else None,
                                             normalize_logits=not beams)[0]
    ids = said.sequences[0, len(prompt):]
    ended = next((i for i, id in enumerate(ids.tolist()) if id in ends), len(ids))
    return {
        "options": {**options, **({"eos_token_id": ends} if ends else {})},
        **({"uniform": [round(x, 9) for x in numbers[:ended + 1].tolist()]} if options.get("do_sample") else {}),
        "ids": ids[:ended].tolist(),
        "logprobs": [round(x, 6) for x in scores[:ended].tolist()],
    }


def decodings(model, prompt, seed: int = 1) -> list[dict]:
    return [decoded(model, prompt, options, seed + i) for i, options in enumerate(WAYS)]
