"""How was `data/scope-meaning.bin` fitted: what the meaning of a question says of its being about something other than health?

    python scope_meaning.py ENCODER FINGERPRINT                          (leaves each author out, and prints what happens)
    python scope_meaning.py ENCODER FINGERPRINT data/scope-meaning.bin   (fits to all, and writes it)

ENCODER is the folder of the encoder in f32 (`crates/bench/compare/export.py` makes it), FINGERPRINT what `clinqa inspect --json` calls it.
A perceptron with one hidden layer over the vector. About something else are `tests/data/safety/elsewhere-*.txt`, by authors
who had not seen what is measured on; about health are the questions that reader and encoder learned from, those on one's own
case, and messages to the emergency rules' development sets. Needs numpy, scikit-learn, torch and transformers.
"""

import json
import sys
from pathlib import Path

import numpy as np

from perceptron import VECTOR, fit, logits, vectors, write

HERE = Path(__file__).resolve().parent
SETS = HERE / "tests" / "data" / "safety"
AUTHORS = 4
# Of those on one's own case and of the messages every fourth and every tenth: there are many.
EVERY_OWN, EVERY_MESSAGE, MOST_WORDS = 4, 10, 40
UNITS, ROUNDS, OFTENER = 32, 30, 4


def lines(path):
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line]


def about_health():
    found = []
    for row in map(json.loads, lines(HERE.parent / "train" / "starter-questions.jsonl")):
        found.append((row["part"], row["question"]))
    own = [line for path in sorted(SETS.glob("own-[0-9]*.tsv")) for line in lines(path) if not line.startswith("#")]
    found += [("own", line.split("\t", 1)[1]) for line in own[::EVERY_OWN]]
    paths = [path for kind in ("dev", "short") for path in sorted(SETS.glob(f"{kind}-*.jsonl"))]
    messages = [json.loads(line) for path in paths for line in lines(path)]
    # The hard ones are hard because some of them only sound like health.
    texts = [message["text"] for message in messages if message["label"] != "hard"]
    found += [("message", text) for text in texts[::EVERY_MESSAGE] if len(text.split()) <= MOST_WORDS]
    return found


def learned(health, elsewhere):
    x = VECTOR * np.concatenate([health, *[elsewhere] * OFTENER])
    return fit(x, np.arange(len(x)) >= len(health), UNITS, ROUNDS)


def main(folder, fingerprint, out=None):
    parts, texts = zip(*about_health())
    health, parts = vectors(texts, folder), np.array(parts)
    authors = [vectors(lines(SETS / f"elsewhere-{at}.txt"), folder) for at in range(1, AUTHORS + 1)]
    if out is None:
        for at, left_out in enumerate(authors):
            model = learned(health[parts != "held"], np.concatenate([one for one in authors if one is not left_out]))
            share = lambda x, least: np.mean(logits(model, VECTOR * x) >= least)
            said = [f"from {least}: {share(left_out, least):.3f}, held questions on health {share(health[parts == 'held'], least):.4f}"
                    for least in (-2, -1, 0, 1, 2)]
            print(f"elsewhere-{at + 1} left out and heard", *said, sep="\n    ")
        return
    model = learned(health, np.concatenate(authors))
    write(out, "clinqa-scope-meaning", fingerprint, model)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
