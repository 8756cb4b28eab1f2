"""How was the tuned encoder brought back half-way to its base?

    python blend.py BASE_FOLDER TUNED_FOLDER OUT_FOLDER [SHARE]      (needs numpy and safetensors)

Weights in between two fine-tuning stages of one model are a model too, and one that forgets less (WiSE-FT, Wortsman et
al. 2022). BASE_FOLDER is what tests/parity/fetch_minilm.sh makes, TUNED_FOLDER what train.py makes or the same packed:
bytes are multiplied by their scales first, and what comes out is moved by up to half a step either way (seeded). Without that, what is
rounded again on nearly the same steps falls back on the old bytes: the packed model would be the tuned one in the main
(cosine 0.9977 to its own f32 twin; so 0.9993). Writes OUT_FOLDER (f32, Hugging Face layout), to be packed with
`clinqa model pack OUT_FOLDER TARGET`. SHARE of the tuned one, 0.5 unless said.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

SEED = 7
WORDS = "embeddings.word_embeddings.weight"
COMPANIONS = ["config.json", "tokenizer.json", "tokenizer_config.json", "modules.json", "sentence_bert_config.json",
              "1_Pooling/config.json"]


def plain(folder, dither=0.0):
    """Every tensor by its plain name in f32; what was bytes is moved by up to `dither` steps."""
    stored, found = load_file(folder / "model.safetensors"), {}
    random = np.random.default_rng(SEED)
    for name, values in stored.items():
        if name.endswith(".scale") or "position_ids" in name:
            continue
        values = values.astype(np.float32)
        if name + ".scale" in stored:
            scale = stored[name + ".scale"].astype(np.float32).reshape(len(values), -1, 1)
            groups = values.reshape(*scale.shape[:2], -1)
            values = ((groups + random.uniform(-dither, dither, groups.shape)) * scale).reshape(values.shape)
        found[name.removeprefix("bert.")] = values
    return found


def main(base, tuned, out, share):
    old, new = plain(base), plain(tuned, 0.5 / share)
    blended = {name: (1 - share) * old[name] + share * new[name] for name in new}
    blended[WORDS] = old[WORDS]  # never tuned; the packed one is the rounder of the two
    for name in COMPANIONS:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tuned / name, out / name)
    tensors = {name: np.ascontiguousarray(values, np.float32) for name, values in blended.items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:4]), float(sys.argv[4]) if len(sys.argv) == 5 else 0.5)
