"""How were the weights of evidence and trust fitted?

    clinqa eval answers QUESTIONS --fit --details DETAILS     (for each file of questions)
    python fit.py QUESTIONS DETAILS [WEIGHT QUESTIONS DETAILS]...        (needs numpy and scipy)

Prints the numbers of `EvidenceWeights` and `TrustWeights` in the order of their declarations.
Files after the first count WEIGHT each, for evidence only. Evidence: a softmax over the candidates of a
question, right where an accepted text stands in what would be shown. Trust: a logistic regression over the grounds for
the best candidate, right where it was accepted. Both are scored by leaving a quarter of the documents out at a time.
"""

import json
import random
import re
import string
import sys

import numpy as np
from scipy.optimize import minimize

FEATURES = ["margin", "rank", "nearness", "document", "likeness", "coverage", "names", "heading", "section", "topic",
            "duration", "number", "list", "polarity", "people", "reason"]
GROUNDS = ["evidence", "lead", "nearest", "likeness", "margin", "coverage", "topic", "unknown", "held", "missing",
           "names", "share", "section", "agreement"]
DECAY_EVIDENCE, DECAY_TRUST, FOLDS = 0.01, 3.0, 4


def plain(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return f" {' '.join(re.sub(r'\b(a|an|the)\b', ' ', text).split())} "


def lines(path):
    return map(json.loads, open(path, encoding="utf-8"))


class Case:
    """A question with its candidates."""

    def __init__(self, question, detail, weight):
        spans = detail["trace"]["spans"]
        right = [plain(text) for text in question["accepted"]]
        self.key, self.weight, self.detail = question["document"] or question["id"], weight, detail
        self.answerable = bool(question["document"])
        self.x = np.array([[span["features"][name] for name in FEATURES] for span in spans])
        self.right = np.array([float(any(r in plain(span["shown"]) for r in right)) for span in spans])
        held = lambda a, b: a["passage_id"] == b["passage_id"] and b["quote"] in a["shown"]
        self.within = np.array([[held(a, b) for b in spans] for a in spans])

    def best(self, weights):
        """The candidate whose stretch has most evidence, as qa::evidence ranks them."""
        total = self.x @ weights
        mass = [t + np.log(max(1.0, np.exp(total[w] - t).sum())) for t, w in zip(total, self.within)]
        inside = np.flatnonzero(self.within[int(np.argmax(mass))])
        return inside[np.argmax(total[inside])]


def evidence(cases):
    """Weights of a softmax over the candidates, by maximum likelihood."""
    cases = [case for case in cases if case.right.any()]
    scale = np.concatenate([case.x for case in cases]).std(0) + 1e-9
    whole = sum(case.weight for case in cases)

    def loss(w):
        value, slope = DECAY_EVIDENCE / 2 * (w @ w), DECAY_EVIDENCE * w
        for case in cases:
            z = case.x / scale
            share = np.exp(z @ w - (z @ w).max())
            share /= share.sum()
            hit = share @ case.right + 1e-12
            value -= case.weight / whole * np.log(hit)
            slope = slope + case.weight / whole * (z.T @ (share - share * case.right / hit))
        return value, slope

    return minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B").x / scale


def trust(x, y):
    """Weights and bias of a logistic regression."""
    scale = x.std(0) + 1e-9
    z = np.column_stack([x / scale, np.ones(len(x))])
    decay = np.array([DECAY_TRUST] * x.shape[1] + [0.0])

    def loss(w):
        p = 1 / (1 + np.exp(-z @ w))
        value = -(y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12)).sum() + (decay * w * w).sum() / 2
        return value, z.T @ (p - y) + decay * w

    w = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B").x
    return w[:-1] / scale, w[-1]


def folds(keys):
    names = sorted(set(keys))
    random.Random(0).shuffle(names)
    number = {name: at % FOLDS for at, name in enumerate(names)}
    return np.array([number[key] for key in keys])


def shown(weights):
    return ", ".join(f"{weight:.3f}" for weight in weights)


def main(arguments):
    groups = [(1.0, *arguments[:2])] + [(float(w), q, d) for w, q, d in zip(*[iter(arguments[2:])] * 3)]
    cases = []
    for weight, questions, details in groups:
        by_id = {question["id"]: question for question in lines(questions)}
        found = (detail for detail in lines(details) if detail["trace"]["spans"])
        cases += [Case(by_id[detail["id"]], detail, weight) for detail in found]
    asked = [case for case in cases if case.answerable]
    fold, hits = folds([case.key for case in asked]), []
    for left_out in range(FOLDS):
        weights = evidence([case for case, at in zip(asked, fold) if at != left_out])
        here = [case for case, at in zip(asked, fold) if at == left_out and case.weight == 1.0]
        hits += [case.right[case.best(weights)] for case in here]
    print(f"evidence: right when made to answer {np.mean(hits):.3f} of {len(hits)}, left out\n{shown(evidence(asked))}")
    judged = [case for case in cases if case.weight == 1.0]
    x = np.array([[case.detail["trace"]["grounds"][name] for name in GROUNDS] for case in judged])
    y = np.array([float(case.detail["accepted"]) for case in judged])
    fold, p = folds([case.key for case in judged]), np.zeros(len(y))
    for left_out in range(FOLDS):
        weights, bias = trust(x[fold != left_out], y[fold != left_out])
        p[fold == left_out] = 1 / (1 + np.exp(-(x[fold == left_out] @ weights + bias)))
    order = np.argsort(-p)
    area = (np.cumsum(1 - y[order]) / np.arange(1, len(y) + 1)).mean()
    weights, bias = trust(x, y)
    print(f"trust: area under risk and coverage {area:.3f}, left out; bias {-bias:.3f}\n{shown(weights)}")


if __name__ == "__main__":
    main(sys.argv[1:])
