"""Tokenizers of the published kinds with ids that the Python library `tokenizers` gives for random texts.

Usage: python test/parity/fuzzed_text.py FOLDER [--seed N] [--strings N] [--data FOLDER]

Writes FOLDER/<kind>.tokenizer.json, and FOLDER/<kind>.texts.json: { texts, ids, decoded, drawn, said }, the last two random ids
and their text. Kinds are trained on random
words; with --data also those of GPT-2, CLIP, BERT and a small Llama whose vocabularies lie in a folder of that name.
"""

import argparse
import gzip
import json
from pathlib import Path
from random import Random
from unicodedata import category, ucd_3_2_0

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

SYLLABLES = "ba de ki lo mu na re si to vu an er il or un sha tri pel qu'".split()
MARKS = [".", ",", "!", "?", ";", "-", "...", "'s", "'RE", "'ll", "n't", '"', ")", "(", "#", "@", "/", "\\", "_", "|", "$", "%"]
SPACES = [" ", " ", " ", " ", "  ", "\n", "\n\n", "\t", " \r\n ", "    ", "\u00a0", "\u3000", "\u2028"]
ODD = ["é", "e\u0301", "ß", "İ", "Å", "ﬁ", "日本語", "한국어", "ไทย", "हिन्दी", "العربية", "עברית", "😀", "👩\u200d🔬", "🇩🇪", "\u0301",
       "١٢٣", "½", "Ⅻ", "\u200b", "ǅ", "ª", "𝔘𝔫", "\u0000", "\u0007", "\ufffd", "\ufeff", "\u0085", "…", "—", "“x”", "▁", "Ġ", "##"]
SPECIAL = ["<s>", "</s>", "[MASK]", "<|endoftext|>"]


def character(draw: Random) -> str:
    """One that has been the same in Unicode for long: libraries have tables of different versions."""
    while True:
        found = chr(draw.choice([draw.randint(33, 0x2FFF), draw.randint(0x3000, 0xD7FF), draw.randint(0x10000, 0x1F9FF)]))
        if ucd_3_2_0.category(found) == category(found) != "Cn":
            return found


def text_of(draw: Random, special=()) -> str:
    out = []
    for _ in range(draw.randint(0, 12)):
        kind = draw.random()
        if kind < 0.6:
            word = "".join(draw.choices(SYLLABLES, k=draw.randint(1, 4)))
            out.append(draw.choice([word, word, word.capitalize(), word.upper()]))
        elif kind < 0.7:
            out.append(str(draw.randint(0, 10 ** draw.randint(1, 7))))
        elif kind < 0.85:
            out.append(draw.choice(MARKS))
        elif kind < 0.97:
            out.append(draw.choice([*ODD, *special]))
        else:
            out.append(character(draw))
        if draw.random() < 0.75:
            out.append(draw.choice(SPACES))
    return "".join(out)


def trained(tokenizer: Tokenizer, trainer, draw: Random) -> Tokenizer:
    tokenizer.train_from_iterator([text_of(draw) for _ in range(2000)], trainer)
    return tokenizer


def gpt2(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def llama3(draw: Random) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained(tokenizer, trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, show_progress=False), draw)
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    return tokenizer


def llama2(draw: Random) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    specials = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trained(tokenizer, trainers.BpeTrainer(vocab_size=700, special_tokens=specials, show_progress=False), draw)
    tokenizer = plain_bytes(tokenizer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def plain_bytes(tokenizer: Tokenizer) -> Tokenizer:
    """The tokens of bytes belong to the model, not to those that are found in texts."""
    described = json.loads(tokenizer.to_str())
    described["added_tokens"] = [token for token in described["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(described))


def bert(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def with_sentence(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]"])
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ids)
    return tokenizer


def bert_trained(draw: Random) -> Tokenizer:
    tokenizer = bert(Tokenizer(models.WordPiece(unk_token="[UNK]")))
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trained(tokenizer, trainers.WordPieceTrainer(vocab_size=600, special_tokens=specials, show_progress=False), draw)
    return with_sentence(tokenizer)


def t5(draw: Random) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=500, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False)
    trained(tokenizer, trainer, draw)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def gpt2_trained(draw: Random) -> Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = gpt2(Tokenizer(models.BPE()))
    return trained(tokenizer, trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"], show_progress=False), draw)


def clip(vocabulary: list[str], merges) -> Tokenizer:
    ids = {token: i for i, token in enumerate(vocabulary)}
    model = models.BPE(ids, merges, unk_token="<|endoftext|>", end_of_word_suffix="</w>", continuing_subword_prefix="")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|startoftext|>", "<|endoftext|>"])
    ends = [(token, ids[token]) for token in ("<|startoftext|>", "<|endoftext|>")]
    tokenizer.post_processor = processors.RobertaProcessing(ends[1], ends[0], trim_offsets=False, add_prefix_space=False)
    return tokenizer


def clip_published(path: Path) -> Tokenizer:
    lines = gzip.open(path).read().decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    merges = [tuple(line.split()) for line in lines]
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    characters = [chr(byte) for byte in shown] + [chr(256 + i) for i in range(len(hidden))]
    vocabulary = characters + [c + "</w>" for c in characters] + ["".join(pair) for pair in merges]
    return clip(vocabulary + ["<|startoftext|>", "<|endoftext|>"], merges)


def published(data: Path) -> dict[str, Tokenizer]:
    folder = data / "tokenizers"
    merges = [tuple(line.split()) for line in (folder / "gpt2_vocab.bpe").read_text().split("\n")[1:] if line]
    words = (folder / "bert_base_uncased_vocab.txt").read_text().split("\n")
    pieces = {word: i for i, word in enumerate(words) if word or i < len(words) - 1}
    return {
        "gpt2-published": gpt2(Tokenizer(models.BPE(json.loads((folder / "gpt2_encoder.json").read_text()), merges))),
        "bert-published": with_sentence(bert(Tokenizer(models.WordPiece(pieces, unk_token="[UNK]")))),
        "clip-published": clip_published(folder / "clip_bpe_simple_vocab_16e6.txt.gz"),
        "llama-published": Tokenizer.from_file(str(data / "checkpoints/stories260K/tokenizer.json")),
    }


def spaced(text: str) -> str:
    """With spaces for the ends of CLIP's words, as transformers puts them."""
    return text.replace("</w>", " ").strip() if "</w>" in text else text


TRAINED = {"gpt2": gpt2_trained, "llama2": llama2, "llama3": llama3, "bert": bert_trained, "t5": t5}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strings", type=int, default=1000)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    made = {name: make(Random(f"{given.seed} {name}")) for name, make in TRAINED.items()}
    if given.data:
        made.update(published(given.data))
    for name, tokenizer in made.items():
        draw = Random(f"{given.seed} {name} texts")
        texts = [text_of(draw, SPECIAL) for _ in range(given.strings)]
        ids = [encoded.ids for encoded in tokenizer.encode_batch(texts)]
        decoded = [spaced(tokenizer.decode(row)) for row in ids]
        tokenizer.save(str(given.folder / f"{name}.tokenizer.json"))
        drawn = [draw.choices(range(tokenizer.get_vocab_size()), k=draw.randint(1, 9)) for _ in range(given.strings)]
        said = [spaced(tokenizer.decode(row)) for row in drawn]
        written = {"texts": texts, "ids": ids, "decoded": decoded, "drawn": drawn, "said": said}
        (given.folder / f"{name}.texts.json").write_text(json.dumps(written))
