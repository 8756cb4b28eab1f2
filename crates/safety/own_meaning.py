"""How was `data/own-meaning.bin` fitted: what the meaning of a question says of its being somebody's own case?

    CLINQA_TERMS=TERMS cargo test --release -p clinqa-safety --lib own::tests::write_the_terms -- --ignored
    python own_meaning.py TERMS ENCODER FINGERPRINT                        (leaves authors out, and prints what happens to them)
    python own_meaning.py TERMS ENCODER FINGERPRINT data/own-meaning.bin   (fits to all, and writes it)

ENCODER is the folder of the encoder in f32 (`crates/bench/compare/export.py` makes it), FINGERPRINT what `clinqa inspect --json` calls it.
A perceptron with one hidden layer over the points that `own.py` gives the words, and the vector of the question. Points are those of a fit
that has not seen the question's author. Needs numpy, scipy, scikit-learn, torch and transformers.
"""

import sys

import numpy as np

import own
from perceptron import VECTOR, fit, logits, vectors, write

GROUPS, UNITS, ROUNDS = 6, 32, 40
# Points are then of about the same size as the components of a vector.
WORDS = 0.3
# A sentence is weighed by itself only from so many points on.
ALONE = 1.0


def words(seen, others):
    """The points of `others` by a fit to `seen`: of the whole, or of the sentence that has most."""
    names = own.names_of(seen)
    points = own.fit(seen, names)
    return np.maximum(own.totals(others, names, points)[0] / 100, own.alone(others, names, points) / 100 - ALONE)


def groups(rows):
    authors = sorted({row["set"] for row in rows} - {"starter", "examples"}, key=lambda name: int(name.split("-")[1]))
    of = {author: at % GROUPS for at, author in enumerate(authors)}
    return np.array([of.get(row["set"], at % GROUPS) for at, row in enumerate(rows)])


def unseen(rows, group, without=None):
    """The points of each question by a fit to the groups it is not in, nor `without`."""
    found = np.zeros(len(rows))
    for one in range(GROUPS):
        seen = np.where((group != one) & (group != (one if without is None else without)))[0]
        here = np.where(group == one)[0]
        found[here] = words([rows[at] for at in seen], [rows[at] for at in here])
    return found


def main(terms, folder, fingerprint, out=None):
    rows = own.read(terms)
    y = np.array([row["label"] != "general" for row in rows])
    meaning, group = vectors([row["text"] for row in rows], folder), groups(rows)
    inputs = lambda points: np.column_stack([points * WORDS, meaning * VECTOR])
    if out is None:
        starter = np.array([row["set"] == "starter" for row in rows])
        alone, total = np.zeros(len(rows)), np.zeros(len(rows))
        for one in range(GROUPS):
            here, x = group == one, inputs(unseen(rows, group, one))
            alone[here] = x[here, 0]
            total[here] = logits(fit(x[~here], y[~here], UNITS, ROUNDS), x[here])
        for name, heard in [("words", alone >= 0)] + [(f"words, or meaning from {at}", (alone >= 0) | (total >= at)) for at in (0, 0.5, 1)]:
            near = heard[~y & ~starter].mean()
            print(f"{name}: own {heard[y].mean():.3f}, general near them {near:.3f}, starter {heard[starter].mean():.4f}")
        return
    model = fit(inputs(unseen(rows, group)), y, UNITS, ROUNDS)
    write(out, "clinqa-own-meaning", fingerprint, model, WORDS)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
