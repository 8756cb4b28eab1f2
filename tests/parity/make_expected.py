"""Which vectors do sentence-transformers and transformers give our 200 texts?

    python tests/parity/make_expected.py MINILM_FOLDER CLINICAL_FOLDER ENCODER_FOLDER

MINILM_FOLDER is what fetch_minilm.sh makes, CLINICAL_FOLDER what make_clinical_bert.py makes, ENCODER_FOLDER the f32 twin
of the encoder in the binary, in sentence-transformers layout (its card says how to train it anew). A folder named - is
left out. Writes, in tests/data/parity:

- minilm.safetensors: `embeddings` [200, 384] f16, sentence-transformers on the f32 checkpoint, at most 256 tokens, mean
  pooling, normalised; `tokens` [200] i32, how many tokens each text has, [CLS] and [SEP] included, after the cut.
- encoder.safetensors: the same of the encoder that ships.
- clinical.safetensors: `mean` [24, 768] f16, transformers' BertModel in f32 on the f16 weights, at most 512 tokens, mean
  over the attention mask, then divided by its length; `rows` [24] i32, which lines of texts.jsonl these are, from 0;
  `tokens` [24] i32; `cls` [4, 768] f16, the vector of [CLS] divided by its length; `cls_rows` [4] i32.

Each text goes through alone, so that no padding is involved. f16 keeps a cosine to about 1e-7.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer, BertModel, BertTokenizer

DATA = Path(__file__).resolve().parent.parent / "data" / "parity"
# Every ninth text, one of 600 words, and the one that is invisible: short, long, hard and plain are among them.
CLINICAL_COUNT, CLS_COUNT = 24, 4


def read_texts():
    # Not splitlines(): texts may hold other line separators than \n.
    with (DATA / "texts.jsonl").open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line)["text"] for line in file]


@torch.no_grad()
def forward(model, tokenizer, text, max_length):
    """The last hidden states [tokens, H] of one text, and its mask [tokens, 1] in f32."""
    batch = tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt")
    return model(**batch).last_hidden_state[0], batch["attention_mask"][0].unsqueeze(1).float()


def mean_pooled(hidden, mask):
    return torch.nn.functional.normalize((hidden * mask).sum(0) / mask.sum(), dim=0)


def minilm(folder, texts, name):
    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.float32})
    assert model.max_seq_length == 256, model.max_seq_length
    rows = [model.encode([text], convert_to_numpy=True)[0] for text in texts]
    embeddings = np.stack(rows)
    assert embeddings.dtype == np.float32 and np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)

    # The same by hand with transformers, so that "mean over the mask, 256 tokens" is a checked statement.
    tokenizer = AutoTokenizer.from_pretrained(folder)
    bert = BertModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokens = []
    for i, text in enumerate(texts):
        tokenizer.backend_tokenizer.no_padding()
        hidden, mask = forward(bert, tokenizer, text, 256)
        tokens.append(hidden.shape[0])
        cosine = float(mean_pooled(hidden, mask) @ torch.from_numpy(embeddings[i]))
        assert cosine > 0.999999, (i, cosine)
    save(DATA / f"{name}.safetensors", {"embeddings": embeddings, "tokens": tokens})
    return tokens


def clinical(folder, texts):
    tokenizer = BertTokenizer.from_pretrained(folder, do_lower_case=False)
    bert = BertModel.from_pretrained(folder, dtype=torch.float32).eval()
    longest = max(range(len(texts)), key=lambda i: len(texts[i].split()))
    invisible = texts.index("\u200b")
    rows = [i for i in range(3, len(texts), 9)][: CLINICAL_COUNT - 2]
    rows = sorted({*rows, longest, invisible})
    assert len(rows) == CLINICAL_COUNT
    cls_rows = rows[:: CLINICAL_COUNT // CLS_COUNT]
    means, tokens, firsts = [], [], []
    for row in rows:
        hidden, mask = forward(bert, tokenizer, texts[row], 512)
        means.append(mean_pooled(hidden, mask).numpy())
        tokens.append(hidden.shape[0])
        if row in cls_rows:
            firsts.append(torch.nn.functional.normalize(hidden[0], dim=0).numpy())
    tensors = {"mean": np.stack(means), "rows": rows, "tokens": tokens, "cls": np.stack(firsts), "cls_rows": cls_rows}
    save(DATA / "clinical.safetensors", tensors)
    return rows, tokens


def save(path, tensors):
    """Floats as f16, counts as i32, sorted by name, so that a second run writes the same bytes."""
    kinds = {name: np.float16 if np.asarray(t).dtype == np.float32 else np.int32 for name, t in tensors.items()}
    save_file({name: np.ascontiguousarray(tensors[name], kinds[name]) for name in sorted(tensors)}, path)
    path.chmod(0o644)  # safetensors 0.8 leaves the mode of a temporary file, 0600


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    torch.set_num_threads(2)
    everything = read_texts()
    for name, folder in (("minilm", sys.argv[1]), ("encoder", sys.argv[3])):
        if folder != "-":
            print(name, "tokens", minilm(folder, everything, name))
    if sys.argv[2] != "-":
        print("clinical rows, tokens", clinical(sys.argv[2], everything))
