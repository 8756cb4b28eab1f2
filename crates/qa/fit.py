"""How were the weights of evidence and trust fitted?

    clinqa eval answers QUESTIONS --fit --details DETAILS     (for each file of questions)
    python fit.py QUESTIONS DETAILS [--evidence WEIGHT QUESTIONS DETAILS]... [--absent WEIGHT QUESTIONS DETAILS]...
                                                                                          (needs numpy and scipy)

Prints the numbers of `EvidenceWeights` (but for `opposed`, which these questions tell nothing of) and `TrustWeights` in the
order of their declarations. What `--evidence` names counts
WEIGHT each, for evidence only: that was the part `held` of what is now crates/train/starter-questions.jsonl as judged
questions, every third of them, counting a half, with heading weights made by `sections.py --without held --also` the dev
questions, so that no question is weighed by what was learned from it. What `--absent` names counts WEIGHT each, for trust
only: the questions of absent.py, both halves, and the messages of crates/safety/tests/data/safety/elsewhere-1.txt and -2.txt as judged
questions without a document, each counting a tenth; the ground `elsewhere` of the latter by a perceptron that had not seen
their author (scope_meaning.py), so that it is not taken for surer than it is.

Both were fitted twice: to an index without what people ask (corpora/starter/faq.jsonl left out; `asked` and `asked_of` are 0, and so are
their weights), and to one with it, without `--evidence` and with every other message of `elsewhere`, each counting a fifth. There polarity and people
came out below nothing, of which these questions hold too little, and keep the weights of the first.

Evidence: a softmax over the candidates of a question, right where an accepted text stands in what would be shown. Trust:
two logistic regressions whose probabilities are multiplied, whether the question can be answered and whether the best
candidate of one that can does. Both are scored by leaving a quarter of the documents out at a time.
"""

import json
import random
import re
import string
import sys

import numpy as np
from scipy.optimize import minimize

ARTICLE = re.compile(r"\b(a|an|the)\b")
FEATURES = ["margin", "rank", "nearness", "document", "likeness", "coverage", "names", "heading", "section", "topic",
            "duration", "number", "list", "polarity", "people", "reason", "asked", "asked_of"]
GROUNDS = ["evidence", "lead", "nearest", "likeness", "coverage", "topic", "unknown", "held", "names", "share",
           "agreement", "unspoken", "elsewhere", "asked", "asked_of"]
FOR_ANSWERABLE = ["evidence", "lead", "nearest", "likeness", "coverage", "topic", "unknown", "held", "names", "unspoken",
                  "elsewhere", "asked_of"]
FOR_RIGHT = ["evidence", "lead", "share", "asked"]
DECAY_EVIDENCE, DECAY_TRUST, FOLDS = 0.01, 3.0, 4


def plain(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return f" {' '.join(ARTICLE.sub(' ', text).split())} "


def lines(path):
    return map(json.loads, open(path, encoding="utf-8"))


class Case:
    """A question with its candidates."""

    def __init__(self, kind, question, detail, weight):
        spans = detail["trace"]["spans"]
        right = [plain(text) for text in question["accepted"]]
        self.kind, self.weight, self.detail = kind, weight, detail
        self.key = question["document"] or question["id"]
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


def logistic(x, y, names, counts):
    """Weights, zero but for the grounds `names`, and bias of a logistic regression whose rows count so much."""
    chosen = np.array([ground in names for ground in GROUNDS])
    scale = x.std(0) + 1e-9
    z = np.column_stack([x * chosen / scale, np.ones(len(x))])
    decay = np.array([DECAY_TRUST] * x.shape[1] + [0.0])

    def loss(w):
        p = 1 / (1 + np.exp(-z @ w))
        value = -(counts * (y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12))).sum() + (decay * w * w).sum() / 2
        return value, z.T @ (counts * (p - y)) + decay * w

    w = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B").x
    return w[:-1] * chosen / scale, w[-1]


def trust(x, answerable, accepted, counts):
    """The two regressions."""
    right = (x[answerable], accepted[answerable], FOR_RIGHT, counts[answerable])
    return logistic(x, answerable.astype(float), FOR_ANSWERABLE, counts), logistic(*right)


def folds(keys):
    names = sorted(set(keys))
    random.Random(0).shuffle(names)
    number = {name: at % FOLDS for at, name in enumerate(names)}
    return np.array([number[key] for key in keys])


def shown(weights):
    return ", ".join(f"{weight:.3f}" for weight in weights)


def cases_of(kind, weight, questions, details):
    by_id = {question["id"]: question for question in lines(questions)}
    found = (detail for detail in lines(details) if detail["trace"]["spans"])
    return [Case(kind, by_id[detail["id"]], detail, float(weight)) for detail in found]


def main(arguments):
    groups = [("--both", 1.0, *arguments[:2]), *zip(*[iter(arguments[2:])] * 4)]
    cases = [case for group in groups for case in cases_of(*group)]
    asked = [case for case in cases if case.answerable and case.kind != "--absent"]
    fold, hits = folds([case.key for case in asked]), []
    for left_out in range(FOLDS):
        weights = evidence([case for case, at in zip(asked, fold) if at != left_out])
        here = [case for case, at in zip(asked, fold) if at == left_out and case.kind == "--both"]
        hits += [case.right[case.best(weights)] for case in here]
    print(f"evidence: right when made to answer {np.mean(hits):.3f} of {len(hits)}, left out\n{shown(evidence(asked))}")
    judged = [case for case in cases if case.kind != "--evidence"]
    # A question is left out with those about the same article, also where the article is absent.
    article = {case.detail["id"]: case.key for case in judged if case.kind == "--both"}
    x = np.array([[case.detail["trace"]["grounds"][name] for name in GROUNDS] for case in judged])
    accepted = np.array([float(case.detail["accepted"]) for case in judged])
    answerable, counts = np.array([case.answerable for case in judged]), np.array([case.weight for case in judged])
    own = np.array([case.kind == "--both" for case in judged])
    fold, p = folds([article.get(case.detail["id"], case.key) for case in judged]), np.ones(len(x))
    for left_out in range(FOLDS):
        seen = fold != left_out
        for weights, bias in trust(x[seen], answerable[seen], accepted[seen], counts[seen]):
            p[~seen] *= 1 / (1 + np.exp(-(x[~seen] @ weights + bias)))
    area = (np.cumsum(1 - accepted[own][np.argsort(-p[own])]) / np.arange(1, own.sum() + 1)).mean()
    print(f"trust: area under risk and coverage {area:.3f}, left out; withheld at 0.3, 0.32, ...: ")
    for at in np.arange(0.30, 0.50, 0.02):
        parts = own & answerable, own & ~answerable, ~own
        kept = [(p[part] >= at).mean() if part.any() else 0.0 for part in parts]
        right = accepted[parts[0]][p[parts[0]] >= at].sum() / parts[0].sum()
        print(f"  {at:.2f}: accepted {right:.3f}, answered {kept[0]:.3f}; unanswerable {kept[1]:.3f}, absent {kept[2]:.3f}")
    for weights, bias in trust(x, answerable, accepted, counts):
        print(f"bias {bias:.3f}: {shown(weights)}")


if __name__ == "__main__":
    main(sys.argv[1:])
