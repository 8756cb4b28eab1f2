"""Do our labels and tags say what transformers, sentence-transformers, seqeval and scikit-learn say?

Makes the small files that the Rust tests read; run twice, it writes the same bytes:

    python tests/parity/check_labels.py --write          # tiny-tagger, tiny-classifier, …, labels.json, seqeval.json

Checks that what `clinqa train` saved is what transformers loads: the same logits within 1e-3, from the same text:

    python tests/parity/check_labels.py --trained FOLDER --binary target/release/clinqa

Needs torch, transformers, sentence-transformers, safetensors, tokenizers and, for --write, seqeval.
"""

import argparse
import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "data" / "checkpoints"
WIDTH = 16
TOLERANCE = 1e-3
TAGS = ["O", "B-Disease", "I-Disease", "B-Drug", "I-Drug"]
KINDS = ["causes", "symptoms", "treatment"]
TEXTS = [
    "Asthma narrows the airways.",
    "The heart pumps blood.\r\nIt beats about 70 times a minute.",
    "cafe\u0301 au lait, naïve, 37.5 °C and an emoji \U0001f642!",
    "x",
]
WORDS = [["Asthma", "narrows", "the", "airways", "."], ["\u200b", "type", "2", "diabetes"], ["COVID-19"]]


def labelled(config, names, architecture, problem=None):
    config = {k: v for k, v in config.items() if k not in ("architectures", "torch_dtype", "dtype")}
    config |= {
        "architectures": [architecture],
        "id2label": {str(i): name for i, name in enumerate(names)},
        "label2id": {name: i for i, name in enumerate(names)},
    }
    return config | ({"problem_type": problem} if problem else {})


def dump(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8", newline="\n")


def save(state, path):
    save_file({k: v.contiguous() for k, v in sorted(state.items())}, path, metadata={"format": "pt"})
    path.chmod(0o644)


def copy_tokenizer(target):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (target / name).write_bytes((OUT / "tiny-safetensors" / name).read_bytes())


def make_tiny():
    """Heads of random numbers on the trunk of tiny-safetensors, in the layouts that transformers and
    sentence-transformers save."""
    source = OUT / "tiny-safetensors"
    state = load_file(source / "model.safetensors")
    config = json.loads((source / "config.json").read_text("utf-8"))
    trunk = {f"bert.{k}": v for k, v in state.items()}
    random_head = lambda rows, seed: {
        "classifier.weight": torch.randn((rows, WIDTH), generator=torch.Generator().manual_seed(seed)),
        "classifier.bias": torch.randn(rows, generator=torch.Generator().manual_seed(seed + 1)),
    }
    bare = {k: v for k, v in trunk.items() if not k.startswith("bert.pooler.")}
    jobs = [
        ("tiny-tagger", TAGS, "BertForTokenClassification", None, bare, 11),
        ("tiny-classifier", KINDS, "BertForSequenceClassification", None, trunk, 13),
        ("tiny-multi", KINDS, "BertForSequenceClassification", "multi_label_classification", trunk, 17),
    ]
    for name, names, architecture, problem, tensors, seed in jobs:
        dump(OUT / name / "config.json", labelled(config, names, architecture, problem))
        save(tensors | random_head(len(names), seed), OUT / name / "model.safetensors")
        copy_tokenizer(OUT / name)
    # A head over the mean of a sentence encoder: three modules of sentence-transformers and a linear map.
    path = OUT / "tiny-dense"
    dump(path / "config.json", labelled(config, KINDS, "BertModel"))
    save(state, path / "model.safetensors")
    copy_tokenizer(path)
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"), ("3_Dense", "Dense")]
    modules = [
        {"idx": i, "name": str(i), "path": where, "type": f"sentence_transformers.models.{kind}"}
        for i, (where, kind) in enumerate(kinds)
    ]
    dump(path / "modules.json", modules)
    dump(path / "sentence_bert_config.json", {"do_lower_case": False, "max_seq_length": 64})
    dump(path / "1_Pooling" / "config.json", {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True})
    dense = {
        "activation_function": "torch.nn.modules.linear.Identity",
        "bias": True,
        "in_features": WIDTH,
        "out_features": len(KINDS),
    }
    dump(path / "3_Dense" / "config.json", dense)
    head = random_head(len(KINDS), 19)
    save({k.replace("classifier", "linear"): v for k, v in head.items()}, path / "3_Dense" / "model.safetensors")


def centre(folder, logits):
    """Shifts the bias so that no output is always the largest: a random trunk says nearly the same of everything."""
    state = load_file(folder / "model.safetensors")
    rows = torch.tensor([row for row in logits if row is not None], dtype=torch.float64)
    state["classifier.bias"] = (state["classifier.bias"].double() - rows.mean(0)).round(decimals=4).float()
    save(state, folder / "model.safetensors")


def six(values):
    return [round(value, 6) for value in values]


def tokenizer_of(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def whole(info, name):
    assert not info["missing_keys"] and not info["mismatched_keys"], (name, info)


@torch.no_grad()
def classifier_logits(folder, texts):
    from transformers import AutoModelForSequenceClassification

    model, info = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    whole(info, folder)
    tokenizer, limit = tokenizer_of(folder), model.config.max_position_embeddings
    cut = {"truncation": True, "max_length": limit, "return_tensors": "pt"}
    return [model.eval()(**tokenizer(text, **cut)).logits[0].tolist() for text in texts]


def dense_logits(folder, texts):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return [model.encode([text], convert_to_tensor=True)[0].tolist() for text in texts]


@torch.no_grad()
def word_logits(folder, sentences):
    """The logits of each word's first piece; none for a word of which nothing is left."""
    from transformers import AutoModelForTokenClassification

    model, info = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    whole(info, folder)
    tokenizer = tokenizer_of(folder)
    found = []
    for words in sentences:
        batch = tokenizer(words, is_split_into_words=True, return_tensors="pt")
        logits = model.eval()(**batch).logits[0]
        first = {}
        for at, word in enumerate(batch.word_ids()):
            if word is not None:
                first.setdefault(word, at)
        found.append([logits[first[i]].tolist() if i in first else None for i in range(len(words))])
    return found


def entities(folder, texts):
    """What transformers' own pipeline makes of a text by the first piece of each word."""
    from transformers import AutoModelForTokenClassification, pipeline

    model = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32)
    tag = pipeline("token-classification", model=model, tokenizer=tokenizer_of(folder), aggregation_strategy="first")
    keep = lambda entity: [int(entity["start"]), int(entity["end"]), entity["entity_group"], round(float(entity["score"]), 6)]
    return [[keep(entity) for entity in tag(text)] for text in texts]


def expected():
    return {
        "texts": TEXTS,
        "words": WORDS,
        "tiny-tagger": [
            [None if w is None else six(w) for w in sentence] for sentence in word_logits(OUT / "tiny-tagger", WORDS)
        ],
        "tiny-tagger spans": entities(OUT / "tiny-tagger", TEXTS),
        "tiny-classifier": [six(row) for row in classifier_logits(OUT / "tiny-classifier", TEXTS)],
        "tiny-multi": [six(row) for row in classifier_logits(OUT / "tiny-multi", TEXTS)],
        "tiny-dense": [six(row) for row in dense_logits(OUT / "tiny-dense", TEXTS)],
    }


def seqeval_cases():
    from seqeval.metrics import accuracy_score, classification_report

    rng = random.Random(8)
    cases = []
    for number in range(12):
        letters = ["B", "I"] if number < 9 else ["B", "I", "E", "S"]
        tags = ["O", "O"] + [f"{letter}-{label}" for letter in letters for label in ["Disease", "Drug"][: 1 + number % 2]]
        gold = [[rng.choice(tags) for _ in range(rng.randint(1, 9))] for _ in range(rng.randint(1, 8))]
        change = lambda tag: rng.choice(tags) if rng.random() < 0.3 else tag
        found = [[change(tag) for tag in sentence] for sentence in gold]
        report = classification_report(gold, found, output_dict=True, zero_division=0)
        keys = ("precision", "recall", "f1-score", "support")
        # The mean of no labels is no number there, and 0 here.
        number = lambda value: 0.0 if value != value else float(value)
        table = {name: [number(row[key]) for key in keys] for name, row in report.items()}
        cases.append({"gold": gold, "found": found, "accuracy": accuracy_score(gold, found), "table": table})
    return cases


def lines(value):
    """JSON with one entry a line."""
    if isinstance(value, dict):
        return "{" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items()) + "}\n"
    return "[" + ",\n".join(json.dumps(v, ensure_ascii=False) for v in value) + "]\n"


def write():
    torch.set_num_threads(1)
    make_tiny()
    centre(OUT / "tiny-tagger", sum(word_logits(OUT / "tiny-tagger", [text.split() for text in TEXTS]), []))
    for name in ("tiny-classifier", "tiny-multi"):
        centre(OUT / name, classifier_logits(OUT / name, TEXTS))
    (OUT / "labels.json").write_text(lines(expected()), "utf-8", newline="\n")
    metrics = ROOT / "tests" / "data" / "metrics" / "seqeval.json"
    metrics.write_text(lines(seqeval_cases()), "utf-8", newline="\n")


def asked(binary, verb, folder, texts):
    batch = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    command = [binary, verb, "--model", str(folder), "--batch", "-"]
    ran = subprocess.run(command, input=batch, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def check_trained(folder, binary):
    """What we saved, transformers loads; both say the same of the same text."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    worst = 0.0
    if config["architectures"] == ["BertForTokenClassification"]:
        ours, theirs = asked(binary, "tag", folder, TEXTS), entities(folder, TEXTS)
        for text, mine, others in zip(TEXTS, ours, theirs):
            # Theirs cut an accent off that stands behind its letter, ours do not.
            for other in others:
                while other[1] < len(text) and unicodedata.combining(text[other[1]]):
                    other[1] += 1
            assert [[s["start"], s["end"], s["label"]] for s in mine["spans"]] == [e[:3] for e in others], (mine, others)
            worst = max([worst] + [abs(s["score"] - e[3]) for s, e in zip(mine["spans"], others)])
    else:
        dense = config["architectures"] == ["BertModel"]
        logits = torch.tensor((dense_logits if dense else classifier_logits)(folder, TEXTS))
        several = config.get("problem_type") == "multi_label_classification"
        theirs = (torch.sigmoid(logits) if several else torch.softmax(logits, 1)).tolist()
        for mine, others in zip(asked(binary, "label", folder, TEXTS), theirs):
            for number, probability in enumerate(others):
                worst = max(worst, abs(mine["probabilities"][config["id2label"][str(number)]] - probability))
    print(f"{folder}: loaded by transformers, probabilities differ by {worst:.1e} at most")
    return worst <= TOLERANCE


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--trained", type=Path, action="append", default=[])
    arguments.add_argument("--binary", default="target/release/clinqa")
    given = arguments.parse_args()
    if given.write:
        write()
    return 0 if all([check_trained(folder, given.binary) for folder in given.trained]) else 1


if __name__ == "__main__":
    sys.exit(main())
