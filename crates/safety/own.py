"""How were the points of `data/own.tsv` fitted, and what would they do with the questions of another author?

    CLINQA_TERMS=TERMS cargo test --release -p clinqa-safety --lib own::tests::write_the_terms -- --ignored
    python own.py TERMS                (leaves each set of questions out in turn, and prints what happens to it)
    python own.py TERMS data/own.tsv   (fits to all, and writes the points)

A softmax over four kinds of questions about somebody's own case and "a general question", linear in the words and the pairs of
neighbouring words, whose sum counts by the root of their number. Needs numpy and scipy.
"""

import collections
import json
import sys

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

KINDS = ["own-dose", "own-diagnosis", "own-medicine", "own-results"]
LABELS = KINDS + ["general"]
LEAST_QUESTIONS, RIDGE, LEAST_POINTS = 2, 0.0005, 8
# General questions that people asked of articles are many: each counts less.
STARTER = 0.35


def read(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def names_of(rows):
    count = collections.Counter(term for row in rows for term in row["terms"])
    return {name: at for at, name in enumerate(sorted(name for name, n in count.items() if n >= LEAST_QUESTIONS))}


def matrix(rows, names):
    ends, columns, values = [0], [], []
    for row in rows:
        known = [names[term] for term in row["terms"] if term in names]
        columns += known + [len(names)]
        values += [1 / max(1, len(row["terms"])) ** 0.5] * len(known) + [1.0]
        ends.append(len(columns))
    return csr_matrix((values, columns, ends), shape=(len(rows), len(names) + 1))


def fit(rows, names):
    x = matrix(rows, names)
    y = np.eye(5)[[LABELS.index(row["label"]) for row in rows]]
    weight = np.array([STARTER if row["set"] == "starter" else 1.0 for row in rows])[:, None]
    free = np.ones((x.shape[1], 1))
    free[-1] = 0

    def loss(flat):
        w = flat.reshape(-1, 4)
        z = np.column_stack([x @ w, np.zeros(x.shape[0])])
        z -= z.max(1, keepdims=True)
        logs = z - np.log(np.exp(z).sum(1, keepdims=True))
        slope = x.T @ (weight * (np.exp(logs) - y))[:, :4]
        return -(weight * y * logs).sum() + RIDGE * len(rows) / 1000 * (free * w * w).sum(), (slope + RIDGE * len(rows) / 500 * free * w).ravel()

    w = minimize(loss, np.zeros(x.shape[1] * 4), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x.reshape(-1, 4)
    points = np.clip(np.round(w * 100), -32000, 32000)
    points[:-1][np.abs(points[:-1]).max(1) < LEAST_POINTS] = 0
    return points


def totals(rows, names, points):
    """The points of the four together against "a general question", and the kind that has most."""
    sums = matrix(rows, names) @ points / 100
    most = sums.max(1)
    return 100 * (most + np.log(np.exp(sums - most[:, None]).sum(1))), sums.argmax(1)


def alone(rows, names, points):
    """The most points that a sentence of a question of several has by itself."""
    most = np.full(len(rows), -np.inf)
    parts = [(at, {"terms": terms}) for at, row in enumerate(rows) for terms in row["sentences"]]
    if parts:
        np.maximum.at(most, [at for at, _ in parts], totals([part for _, part in parts], names, points)[0])
    return most


def main(terms, out=None):
    rows = read(terms)
    if out is None:
        judge(rows)
        return
    names = names_of(rows)
    points = fit(rows, names)
    with open(out, "w", encoding="utf-8") as file:
        file.write("# What each word and pair of words says about a question being one's own case: points, in hundredths, for a\n")
        file.write("# dose, a diagnosis, stopping a medicine, a result. Made by own.py, which says how.\n")
        file.write("\t" + "\t".join(f"{p:.0f}" for p in points[-1]) + "\n")
        for name, at in names.items():
            if points[at].any():
                file.write(name + "\t" + "\t".join(f"{p:.0f}" for p in points[at]) + "\n")


def judge(rows):
    sets = sorted({row["set"] for row in rows} - {"starter", "examples"})
    starter = [row for row in rows if row["set"] == "starter"]
    found = []
    for number, left_out in enumerate(sets):
        some = starter[number :: len(sets)]
        apart = {id(row) for row in some}
        seen = [row for row in rows if row["set"] != left_out and id(row) not in apart]
        names = names_of(seen)
        points = fit(seen, names)
        here = [row for row in rows if row["set"] == left_out] + some
        total, kind = totals(here, names, points)
        found += zip(here, total, alone(here, names, points), kind)
    for least, least_alone in [(least, np.inf) for least in range(-100, 451, 50)] + [(0, at) for at in range(0, 451, 50)]:
        heard = [(row, t >= least or s >= least_alone, k) for row, t, s, k in found]
        share = lambda wanted: np.mean([is_heard for row, is_heard, _ in heard if wanted(row)])
        own = share(lambda row: row["label"] != "general")
        near = share(lambda row: row["label"] == "general" and row["set"] != "starter")
        right = np.mean([LABELS[k] == row["label"] for row, is_heard, k in heard if row["label"] != "general" and is_heard])
        starter = share(lambda row: row["set"] == "starter")
        print(f"{least}, a sentence {least_alone}: own {own:.3f} (kind {right:.3f}), general near them {near:.3f}, starter {starter:.4f}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
