"""Which shapes can a small BERT checkpoint come in, and what must each of them answer?

    python tests/parity/make_tiny.py

Writes tests/data/checkpoints: one folder a shape (2 layers, 16 wide, 4 heads, 64 positions, 200 entries) and expected.json.
All but `tiny-distilbert` share one set of seeded random weights; `tiny-f16` rounds them, `tiny-qa` adds a span head. Special tokens sit at 0 to 4
on purpose, not where BERT has them. Nothing here is ever unpickled by this script except its own files, by `weights_only`.
"""

import json
import os
import pickle
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertModel,
    BertTokenizer,
    DistilBertConfig,
    DistilBertModel,
)

OUT = Path(__file__).resolve().parent.parent / "data" / "checkpoints"
POSITIONS, ENTRIES, WIDTH, INNER = 64, 200, 16, 32
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

CONFIG = {
    "architectures": ["BertModel"],
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": WIDTH,
    "initializer_range": 0.02,
    "intermediate_size": INNER,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": POSITIONS,
    "model_type": "bert",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": ENTRIES,
}
OLD_CONFIG = {k: v for k, v in CONFIG.items() if k not in ("layer_norm_eps", "pad_token_id", "model_type", "architectures")}
QA_CONFIG = CONFIG | {"architectures": ["BertForQuestionAnswering"]}
DISTIL_CONFIG = {
    "activation": "gelu",
    "architectures": ["DistilBertForMaskedLM"],
    "attention_dropout": 0.1,
    "dim": WIDTH,
    "dropout": 0.1,
    "hidden_dim": INNER,
    "initializer_range": 0.02,
    "max_position_embeddings": POSITIONS,
    "model_type": "distilbert",
    "n_heads": 4,
    "n_layers": 2,
    "pad_token_id": 0,
    "sinusoidal_pos_embds": False,
    "tie_weights_": True,
    "vocab_size": ENTRIES,
}
TOKENIZER_CONFIG = {
    "cls_token": "[CLS]",
    "do_lower_case": True,
    "mask_token": "[MASK]",
    "model_max_length": POSITIONS,
    "pad_token": "[PAD]",
    "sep_token": "[SEP]",
    "strip_accents": None,
    "tokenize_chinese_chars": True,
    "tokenizer_class": "BertTokenizer",
    "unk_token": "[UNK]",
}

TEXTS = [
    "Asthma narrows the airways.",
    "What are the early signs of diabetes?",
    "High blood pressure rarely causes pain; it has to be measured.",
    "Café au lait spots, 5 µg of β-agonist and 糖尿病 💊",
    "Fever and cough in a child of 3 may be a cold, or the flu. The child should drink water and rest. "
    "If the fever is high for 5 days, call the doctor.",
    "The heart pumps blood. " * 20,
]
QUESTION = "What narrows the airways?"
WORDS = """the of and in is to it be for with or not may has are what how when should by on at if than no early signs sign
symptom symptoms cause causes caused pain fever cough blood pressure heart lung lungs kidney liver skin brain child doctor
water drink rest call high low days day test treat treatment diabetes asthma flu cold narrows airways glucose insulin rarely
pumps spots measured dose mg""".split()
ENDINGS = "##ed ##ing ##er ##ly ##ia ##al ##itis ##osis ##ic ##in ##ol".split()
PUNCTUATION = list(".,;:?!-()/%'")
LETTERS = [chr(c) for c in range(ord("a"), ord("z") + 1)]
DIGITS = [str(d) for d in range(10)]


def vocabulary(cased):
    """200 entries; the cased one has capitals where the other has more words."""
    entries = SPECIAL + PUNCTUATION + DIGITS + LETTERS + ["##" + c for c in DIGITS + LETTERS] + ENDINGS
    room = ENTRIES - len(entries)
    if cased:
        entries += [c.upper() for c in LETTERS] + ["The", "What", "Asthma", "High", "é", "##é", "β", "µ"]
        room = ENTRIES - len(entries)
    entries += (WORDS + [f"[unused{n}]" for n in range(ENTRIES)])[:room]
    assert len(entries) == len(set(entries)) == ENTRIES
    return entries


def weights(model):
    """A model's tensors, in f32, large enough that each changes the answer."""
    generator = torch.Generator().manual_seed(20261122)
    state = {}
    for name, tensor in sorted(model.state_dict().items()):
        values = torch.randn(tensor.shape, generator=generator)
        norm = name.endswith(("LayerNorm.weight", "layer_norm.weight"))
        state[name] = 1 + values * 0.1 if norm else values * 0.25
    assert state["embeddings.word_embeddings.weight"].shape == (ENTRIES, WIDTH)
    return state


def folder(name, config, cased=False, tokenizer_config=True):
    path = OUT / name
    path.mkdir(parents=True, exist_ok=True)
    dump(path / "config.json", config)
    (path / "vocab.txt").write_text("".join(e + "\n" for e in vocabulary(cased)), encoding="utf-8", newline="\n")
    if tokenizer_config:
        dump(path / "tokenizer_config.json", TOKENIZER_CONFIG | {"do_lower_case": not cased})
    return path


def dump(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def save_safetensors(state, path):
    save_file({k: v.contiguous() for k, v in sorted(state.items())}, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors 0.8 leaves the mode of a temporary file, 0600


def save_legacy(state, path):
    """torch.save as it was before PyTorch 1.6. Its storage keys are addresses, so an equal file is left as it is."""
    if path.exists():
        there = torch.load(path, weights_only=True)
        if there.keys() == state.keys() and all(torch.equal(there[k], state[k]) for k in state):
            return
    torch.save(state, path, _use_new_zipfile_serialization=False)


def tokenizer_json(entries, truncation=None, padding=None):
    """What `tokenizers` saves for BERT: the same pieces that a vocab.txt stands for."""
    tokenizer = Tokenizer(models.WordPiece({e: i for i, e in enumerate(entries)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(SPECIAL)
    if truncation:
        tokenizer.enable_truncation(truncation)
    if padding:
        tokenizer.enable_padding(length=padding, pad_id=0, pad_token="[PAD]")
    return tokenizer


def sentence_transformers_extras(path, max_seq_length, pooling):
    kinds = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    dump(
        path / "modules.json",
        [
            {"idx": i, "name": str(i), "path": where, "type": f"sentence_transformers.models.{kind}"}
            for i, (where, kind) in enumerate(modules)
        ],
    )
    dump(
        path / "1_Pooling" / "config.json",
        {"word_embedding_dimension": WIDTH} | {f"pooling_mode_{kind}": kind == pooling for kind in kinds},
    )
    dump(path / "sentence_bert_config.json", {"do_lower_case": False, "max_seq_length": max_seq_length})


class Evil:
    """Unpickled, this runs a command that leaves an empty file in the working directory; a loader must refuse it."""

    def __reduce__(self):
        return os.system, ("touch clinqa-pwned",)


def make(state):
    path = folder("tiny-safetensors", CONFIG)
    save_safetensors(state, path / "model.safetensors")
    tokenizer_json(vocabulary(False)).save(str(path / "tokenizer.json"))

    path = folder("tiny-f16", CONFIG)
    save_safetensors({k: v.half() for k, v in state.items()}, path / "model.safetensors")

    path = folder("tiny-bin-zip", CONFIG)
    torch.save(state, path / "pytorch_model.bin")

    # As BertForPreTraining left it: prefixed, a decoder tied to the word embeddings (one storage, two names), positions.
    path = folder("tiny-bin-legacy", OLD_CONFIG)
    tied = {f"bert.{k}": v for k, v in state.items()}
    tied["bert.embeddings.position_ids"] = torch.arange(POSITIONS).unsqueeze(0)
    tied["cls.predictions.bias"] = torch.zeros(ENTRIES)
    tied["cls.predictions.decoder.weight"] = tied["bert.embeddings.word_embeddings.weight"]
    save_legacy(tied, path / "pytorch_model.bin")

    path = folder("tiny-prefixed-gamma", CONFIG)
    old = lambda k: k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    renamed = {f"bert.{old(k)}": v for k, v in state.items()}
    renamed["bert.embeddings.position_ids"] = torch.arange(POSITIONS).unsqueeze(0)
    renamed["cls.predictions.bias"] = torch.zeros(ENTRIES)
    save_safetensors(renamed, path / "model.safetensors")

    path = folder("tiny-cased", OLD_CONFIG, cased=True, tokenizer_config=False)
    save_safetensors(state, path / "model.safetensors")

    path = folder("tiny-cls", CONFIG)
    (path / "vocab.txt").unlink()
    save_safetensors(state, path / "model.safetensors")
    tokenizer_json(vocabulary(False), truncation=12, padding=24).save(str(path / "tokenizer.json"))
    sentence_transformers_extras(path, 32, "cls_token")

    path = folder("tiny-qa", QA_CONFIG)
    generator = torch.Generator().manual_seed(7)
    head = {
        "qa_outputs.weight": torch.randn((2, WIDTH), generator=generator),
        "qa_outputs.bias": torch.randn(2, generator=generator),
    }
    encoder = {f"bert.{k}": v for k, v in state.items() if not k.startswith("pooler.")}
    save_safetensors(encoder | head, path / "model.safetensors")

    # As DistilBertForMaskedLM leaves it: prefixed, with a head over the vocabulary to ignore.
    path = folder("tiny-distilbert", DISTIL_CONFIG)
    distilled = weights(DistilBertModel(DistilBertConfig(**DISTIL_CONFIG)))
    named = {f"distilbert.{k}": v for k, v in distilled.items()} | {"vocab_projector.bias": torch.zeros(ENTRIES)}
    save_safetensors(named, path / "model.safetensors")

    # Two that no loader may open. The first is honest tensors under the wrong name, the second is a whole checkpoint
    # and one command.
    path = folder("pickle-in-disguise", CONFIG)
    (path / "model.safetensors").write_bytes(pickle.dumps({k: v.tolist() for k, v in list(state.items())[:4]}, protocol=2))

    path = folder("evil-bin", CONFIG)
    torch.save(state | {"pooler.evil": Evil()}, path / "pytorch_model.bin")


def six(tensor):
    return [round(value, 6) for value in tensor.tolist()]


@torch.no_grad()
def mean_expected(name, tokenizer, kind=BertModel):
    """Mean over the mask, divided by its length, at most 64 tokens, for each text alone."""
    model, info = kind.from_pretrained(OUT / name, dtype=torch.float32, output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"], (name, info)
    batches = [tokenizer(t, truncation=True, max_length=POSITIONS, return_tensors="pt") for t in TEXTS]
    known = ["input_ids", "attention_mask"] + ["token_type_ids"] * (kind is BertModel)
    hidden = [model.eval()(**{key: batch[key] for key in known}).last_hidden_state[0] for batch in batches]
    return {
        "pooling": "mean",
        "normalised": True,
        "max_tokens": POSITIONS,
        "token_ids": [batch["input_ids"][0].tolist() for batch in batches],
        "embeddings": [six(torch.nn.functional.normalize(h.mean(0), dim=0)) for h in hidden],
    }


@torch.no_grad()
def cls_expected():
    """sentence-transformers on the folder as it stands: [CLS], at most 32 tokens, length left as it is."""
    model = SentenceTransformer(str(OUT / "tiny-cls"), device="cpu", model_kwargs={"dtype": torch.float32})
    assert model.max_seq_length == 32 and len(model) == 2, model
    ids = [model.tokenize([t])["input_ids"][0].tolist() for t in TEXTS]
    assert max(map(len, ids)) == 32, [len(i) for i in ids]
    embeddings = [six(model.encode([t], convert_to_tensor=True)[0]) for t in TEXTS]
    return {"pooling": "cls", "normalised": False, "max_tokens": 32, "token_ids": ids, "embeddings": embeddings}


@torch.no_grad()
def qa_expected():
    """Start and end logits of every token for the question with each text, the text cut so that 64 tokens remain."""
    tokenizer = BertTokenizer.from_pretrained(OUT / "tiny-qa")
    model, info = BertForQuestionAnswering.from_pretrained(
        OUT / "tiny-qa", dtype=torch.float32, output_loading_info=True
    )
    assert not info["missing_keys"] and not info["mismatched_keys"] and not info["unexpected_keys"], info
    cut = {"truncation": "only_second", "max_length": POSITIONS, "return_tensors": "pt"}
    batches = [tokenizer(QUESTION, t, **cut) for t in TEXTS]
    outputs = [model.eval()(**batch) for batch in batches]
    return {
        "question": QUESTION,
        "max_tokens": POSITIONS,
        "token_ids": [b["input_ids"][0].tolist() for b in batches],
        "token_type_ids": [b["token_type_ids"][0].tolist() for b in batches],
        "start_logits": [six(o.start_logits[0]) for o in outputs],
        "end_logits": [six(o.end_logits[0]) for o in outputs],
    }


def compact(value):
    """JSON with one list of numbers a line: a change shows in a diff, and the file stays small."""
    if isinstance(value, dict):
        return "{" + ",\n".join(f"{json.dumps(k)}: {compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list) and value and isinstance(value[0], (list, str)):
        return "[\n" + ",\n".join(json.dumps(v, ensure_ascii=False) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def main():
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    state = weights(BertModel(BertConfig(**CONFIG)))
    make(state)

    uncased = BertTokenizer.from_pretrained(OUT / "tiny-f16")
    cased = BertTokenizer.from_pretrained(OUT / "tiny-cased", do_lower_case=False)
    same = ["tiny-safetensors", "tiny-bin-zip", "tiny-bin-legacy", "tiny-prefixed-gamma"]
    expected = {name: mean_expected(name, uncased) for name in same}
    assert all(expected[name] == expected[same[0]] for name in same)
    expected["tiny-f16"] = mean_expected("tiny-f16", uncased)
    expected["tiny-cased"] = mean_expected("tiny-cased", cased)
    assert expected["tiny-f16"] != expected[same[0]] != expected["tiny-cased"]
    expected["tiny-cls"] = cls_expected()
    expected["tiny-distilbert"] = mean_expected("tiny-distilbert", uncased, DistilBertModel)
    assert expected["tiny-distilbert"]["embeddings"] != expected[same[0]]["embeddings"]
    from_json = Tokenizer.from_file(str(OUT / "tiny-safetensors" / "tokenizer.json"))
    from_json.enable_truncation(POSITIONS)
    assert [from_json.encode(t).ids for t in TEXTS] == expected["tiny-safetensors"]["token_ids"]
    everything = {"texts": TEXTS, "checkpoints": expected, "tiny-qa": qa_expected()}
    (OUT / "expected.json").write_text(compact(everything) + "\n", encoding="utf-8", newline="\n")
    assert json.loads((OUT / "expected.json").read_text(encoding="utf-8")) == everything
    assert not Path("clinqa-pwned").exists()


if __name__ == "__main__":
    main()
