#!/usr/bin/env python3
"""Do transformers and sentence-transformers load what `clinqa train` saved, unchanged, and say what we say?

    python tests/parity/check_trained.py FOLDER

FOLDER holds a folder a model, each with `checkpoint/` as the run left it and `ours.json` with what our own code computed:

    {"inputs": [{"ids": [...], "types": [...]}], "values": [[[...]]]}      a row of logits a token or a text
    {"texts": ["..."], "embeddings": [[...]]}                              sentence-transformers layout

For the other way round each model is saved again as `theirs/`, by the library alone; whoever called this loads it and
compares. A missing, unexpected or resized weight is a failure. `tests/trained.rs` calls this with the Python that
CLINQA_TEST_PYTHON names (torch, transformers, sentence-transformers).
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from sentence_transformers import SentenceTransformer

TOLERANCE = 1e-4

# Kept out of loading reports: buffers that hold no weights.
BUFFERS = ("position_ids", "token_type_ids")


def logits(model, ids, types):
    """A row a token, or one row for the text."""
    with torch.no_grad():
        output = model(
            input_ids=torch.tensor([ids]),
            token_type_ids=torch.tensor([types]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        )
    if hasattr(output, "start_logits"):
        return torch.stack([output.start_logits[0], output.end_logits[0]], dim=1)
    if hasattr(output, "logits"):
        found = output.logits[0]
        return found if found.dim() == 2 else found.unsqueeze(0)
    return output.last_hidden_state[0]


def compare(name, found, expected):
    """The largest difference; more than the tolerance ends the check."""
    expected = torch.tensor(expected, dtype=torch.float32)
    if found.shape != expected.shape:
        raise SystemExit(f"{name}: transformers has the shape {tuple(found.shape)}, we have {tuple(expected.shape)}")
    difference = (found - expected).abs().max().item()
    if not difference < TOLERANCE:
        raise SystemExit(f"{name}: differs by {difference:.6f}")
    return difference


def check_model(folder, ours):
    config = json.loads((folder / "checkpoint" / "config.json").read_text())
    (architecture,) = config["architectures"]
    load = getattr(transformers, architecture).from_pretrained
    model, report = load(folder / "checkpoint", output_loading_info=True, dtype=torch.float32)
    model.eval()
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        wrong = [key for key in report.get(kind, []) if not str(key).endswith(BUFFERS)]
        if wrong and not (architecture == "BertModel" and all("pooler" in key for key in wrong)):
            raise SystemExit(f"{folder.name}: {kind}: {wrong}")
    transformers.AutoTokenizer.from_pretrained(folder / "checkpoint").save_pretrained(folder / "theirs")
    model.save_pretrained(folder / "theirs")
    pairs = zip(ours["inputs"], ours["values"], strict=True)
    worst = max(compare(folder.name, logits(model, one["ids"], one["types"]), values) for one, values in pairs)
    return f"{architecture}, {len(ours['inputs'])} inputs within {worst:.1e}"


def check_sentences(folder, ours):
    model = SentenceTransformer(str(folder / "checkpoint"), device="cpu")
    found = torch.tensor(model.encode(ours["texts"], normalize_embeddings=True))
    model.save(str(folder / "theirs"))
    worst = compare(folder.name, found, ours["embeddings"])
    return f"SentenceTransformer, {len(ours['texts'])} texts within {worst:.1e}"


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folders = sorted(path.parent for path in Path(sys.argv[1]).glob("*/ours.json"))
    if not folders:
        raise SystemExit(f"{sys.argv[1]} holds no model with an ours.json")
    for folder in folders:
        ours = json.loads((folder / "ours.json").read_text())
        check = check_sentences if "embeddings" in ours else check_model
        print(f"{folder.name}: {check(folder, ours)}")


if __name__ == "__main__":
    main()
