"""What does a checkpoint of Bio_ClinicalBERT's shape look like, without a download?

    python tests/parity/make_clinical_bert.py FOLDER

Writes config.json (old style), vocab.txt (28,996 cased entries) and model.safetensors (108 M values in f16, 216 MB). Its
Rust twin, tests/support/clinical_bert.rs, writes the same bytes; change both or neither, and then `make_expected.py` anew.

The rule for a tensor of n values, all in f32, rounded to f16 (nearest, ties to even) at the end:

    seed  = FNV-1a 64 of the tensor's name
    bits  = splitmix64's finaliser of seed + (i + 1) * 0x9E3779B97F4A7C15, for i in 0..n
    s     = (top 24 bits of bits) / 2^23 - 1, in [-1, 1), exact in f32
    value = s * scale, or 1 + s * 0.1 for LayerNorm weights

Scales are in `scale`. Word embeddings are larger than the rest, so that other words give other vectors: the cosine of two
of our texts is 0.39 to 0.99, 0.84 in the median (long texts average out, as they do in the raw model), which leaves a
bound of 0.99999 no room for a mistake.
"""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

LAYERS, HIDDEN, INNER, POSITIONS, VOCABULARY, TYPES = 12, 768, 3072, 512, 28_996, 2

# As old checkpoints have it: no layer_norm_eps, no pad_token_id, no model_type. Spelled out so that the twin can copy it.
CONFIG = """{
  "attention_probs_dropout_prob": 0.1,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "hidden_size": 768,
  "initializer_range": 0.02,
  "intermediate_size": 3072,
  "max_position_embeddings": 512,
  "num_attention_heads": 12,
  "num_hidden_layers": 12,
  "type_vocab_size": 2,
  "vocab_size": 28996
}
"""


def shapes():
    """Every tensor's name and shape: BertModel with the `bert.` prefix, the pooler included."""
    named = {
        "bert.embeddings.word_embeddings.weight": (VOCABULARY, HIDDEN),
        "bert.embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "bert.embeddings.token_type_embeddings.weight": (TYPES, HIDDEN),
        "bert.embeddings.LayerNorm.weight": (HIDDEN,),
        "bert.embeddings.LayerNorm.bias": (HIDDEN,),
        "bert.pooler.dense.weight": (HIDDEN, HIDDEN),
        "bert.pooler.dense.bias": (HIDDEN,),
    }
    for layer in range(LAYERS):
        prefix = f"bert.encoder.layer.{layer}."
        for dense, out, into in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", INNER, HIDDEN),
            ("output.dense", HIDDEN, INNER),
        ]:
            named[f"{prefix}{dense}.weight"] = (out, into)
            named[f"{prefix}{dense}.bias"] = (out,)
        for norm in ["attention.output.LayerNorm", "output.LayerNorm"]:
            named[f"{prefix}{norm}.weight"] = (HIDDEN,)
            named[f"{prefix}{norm}.bias"] = (HIDDEN,)
    return named


def scale(name):
    """How far a tensor's values reach from their centre."""
    if name.endswith("LayerNorm.weight"):
        return 0.1
    if name.endswith("bias"):
        return 0.02
    if name.endswith("word_embeddings.weight"):
        return 0.1
    return 0.035


def tensor(name, shape):
    """The values of one tensor by the rule above, as f16."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    count = int(np.prod(shape))
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    signed = (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
    values = signed * np.float32(scale(name))
    if name.endswith("LayerNorm.weight"):
        values = np.float32(1) + values
    return values.astype(np.float16).reshape(shape)


def vocabulary():
    """28,996 entries by rule, none twice: special tokens at BERT's ids, characters, then pieces of one to three letters."""
    lower = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    upper = [c.upper() for c in lower]
    digits = [str(d) for d in range(10)]
    ranges = [(0x21, 0x7E), (0xA1, 0xAC), (0xAE, 0x17F), (0x391, 0x3A1), (0x3A3, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA)]
    ranges += [(0x621, 0x63A), (0x641, 0x64A), (0x2010, 0x2027), (0x2030, 0x205E), (0x4E00, 0x4EFF), (0xAC00, 0xACFF)]
    singles = [chr(c) for first, last in ranges for c in range(first, last + 1)]
    vowels = "aeiou"

    entries = ["[PAD]"] + [f"[unused{n}]" for n in range(1, 100)]
    entries += ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused100]", "[unused101]"]
    entries += singles
    entries += ["##" + c for c in singles]
    entries += [a + b for a in digits for b in digits]
    entries += ["##" + a + b for a in digits for b in digits]
    entries += [a + b for a in lower for b in lower]
    entries += [a + b for a in upper for b in lower]
    entries += [a + b for a in upper for b in upper]
    entries += ["##" + a + b for a in lower for b in lower]
    entries += ["##" + a + b for a in upper for b in upper]
    entries += ["##" + a + b + c for a in lower for b in lower for c in lower]
    entries += [a + b + c for a in lower if a not in vowels for b in vowels for c in lower]
    entries += [a + b + c for a in upper if a.lower() not in vowels for b in vowels for c in lower]
    missing = VOCABULARY - len(entries)
    assert missing >= 0, -missing
    entries += [f"[unused{n}]" for n in range(102, 102 + missing)]
    assert len(set(entries)) == VOCABULARY
    return entries


def write(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(CONFIG, encoding="utf-8", newline="\n")
    (folder / "vocab.txt").write_text("".join(e + "\n" for e in vocabulary()), encoding="utf-8", newline="\n")
    tensors = {name: tensor(name, shape) for name, shape in shapes().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors 0.8 leaves the mode of a temporary file, 0600


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(sys.argv[1])
