"""How was `data/emergency-meaning.bin` fitted: what the meaning of a message says of its being an emergency?

    CLINQA_TERMS=TERMS cargo test --release -p clinqa-safety --lib evidence::tests::write_the_terms -- --ignored
    python emergency_meaning.py TERMS ENCODER FINGERPRINT                              (leaves authors out, and prints what happens)
    python emergency_meaning.py TERMS ENCODER FINGERPRINT data/emergency-meaning.bin   (fits to all, and writes it)

ENCODER is the folder of the encoder in f32 (`crates/bench/compare/export.py` makes it), FINGERPRINT what `clinqa inspect --json` calls it.
A perceptron with one hidden layer over the vector of the message; its logit, as a hundred points, is added to those of the words.
Needs numpy, scipy, scikit-learn, torch and transformers.
"""

import sys

import numpy as np

import fit as words
from perceptron import VECTOR, fit, logits, vectors, write

UNITS, ROUNDS = 64, 30
MOST_WORDS = 60
# Authors that are left out together: one of short messages, one of longer ones.
HELD_OUT = [("short-9", "dev-10"), ("short-12", "dev-18"), ("short-17", "dev-24"), ("short-7", "dev-26")]


def leave_out(messages, name, plain, meaning, has, is_emergency):
    data = words.Data(messages)
    points, logit = np.full(len(messages), np.nan), np.full(len(messages), np.nan)
    for held in HELD_OUT:
        out = np.isin(name, held)
        here = out & has
        points[here] = words.totals(messages, data, ~out)[here]
        seen = has & ~out
        logit[here] = logits(fit(meaning[seen], is_emergency[seen], UNITS, ROUNDS), meaning[here])
    label = np.array([message["label"] for message in messages])
    certain = np.array([words.is_certain(message) for message in messages])
    print("of each hundred: emergency, ordinary, hard, by words alone and with what is meant")
    for kind in ("short", "dev"):
        here = np.char.startswith(name, kind) & plain & ~np.isnan(points)
        share = lambda heard: " ".join(f"{100 * heard[here & (label == one)].mean():6.2f}" for one in ("emergency", "ordinary", "hard"))
        for alone in (-125, -100, -75, -50, -25, 0, 50):
            by_words = certain | (points >= alone)
            meant = [share(by_words | (points + 100 * logit >= least)) for least in (-100, -75, -50, -25, 0)]
            print(f"{kind:5} {alone:4} {share(by_words)} | " + " | ".join(meant))


def main(terms, folder, fingerprint, out=None):
    messages = words.read(terms)
    plain = np.array(["," not in message["set"] for message in messages])
    has = plain & np.array([len(message["text"].split()) <= MOST_WORDS for message in messages])
    rows = np.flatnonzero(has)
    found = vectors([messages[at]["text"] for at in rows], folder)
    meaning = np.zeros((len(messages), found.shape[1]), "f4")
    meaning[rows] = found * VECTOR
    is_emergency = np.array([message["label"] == "emergency" for message in messages])
    if out is None:
        name = np.array([message["set"].split(",")[0] for message in messages])
        return leave_out(messages, name, plain, meaning, has, is_emergency)
    model = fit(meaning[has], is_emergency[has], UNITS, ROUNDS)
    # Points are added to the logit afterwards.
    write(out, "clinqa-emergency-meaning", fingerprint, model)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
