"""How were the points of `data/evidence.tsv` fitted, and what would they do in messages of another author?

    CLINQA_TERMS=TERMS cargo test --release -p clinqa-safety --lib evidence::tests::write_the_terms -- --ignored
    python fit.py TERMS                     (leaves each set of messages out in turn, and prints what happens to it)
    python fit.py TERMS data/evidence.tsv   (fits to all, and writes the points; with --keep-longer those of longer messages stay)
    python fit.py TERMS --ways              (how often each way of a rule to fire is right: which are `certain`)

A logistic regression over words, runs of letters and rules that are met. Of an emergency its weightiest piece counts; of
anything else every piece does. Needs numpy and scipy.
"""

import collections
import json
import sys

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

RIDGE = 0.02
LEAST_MESSAGES = 2  # a word that fewer hold says nothing
LEAST_RUNS = 5
# Smaller points are left out: three of four terms. In seven sets left out, at 98 of 100 emergencies, ordinary messages taken
# for one stay at 0.9 of 100, hard ones at 9.0 and 9.1.
LEAST_POINTS = 24.0
ROUNDS = 3
BRIEF = "~brief"
# How many points more there must be in a brief message, where a word or two weigh much; what is meant (emergency_meaning.py)
# makes up for it.
DOUBT = 100.0
HELD_OUT = [f"dev-{number}" for number in (8, 10, 13, 16, 18, 20, 22, 24, 26, 27)]


def read(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def signs(message):
    """The rules that are met, that any emergency is, and that the message is brief, which is part of the bias of those."""
    rules = sorted({way.split("/")[0] for way in message["met"]})
    return [f"!{rule}" for rule in rules] + ["!"] * any(not way.endswith("-") for way in message["met"]) + [BRIEF] * message["brief"]


def is_certain(message):
    return any(way.endswith("!") for way in message["met"])


class Data:
    """The messages as rows of a matrix, one a piece."""

    def __init__(self, messages):
        count = collections.Counter()
        for message in messages:
            for kind in ("words", "runs"):
                count.update({term for piece in message["pieces"] for term in piece[kind]})
        enough = lambda term, n: term and n >= (LEAST_RUNS if term.startswith("/") else LEAST_MESSAGES)
        names = sorted(term for term, n in count.items() if enough(term, n))
        names += sorted({sign for message in messages for sign in signs(message)}) + [""]
        self.names, place = names, {name: at for at, name in enumerate(names)}
        ends, columns, values, owner = [0], [], [], []
        for number, message in enumerate(messages):
            for piece in message["pieces"] or [{"words": [], "runs": []}]:
                for kind in ("words", "runs"):
                    known = [place[term] for term in piece[kind] if term and term in place]
                    columns += known
                    values += [1 / max(1, len(piece[kind])) ** 0.5] * len(known)
                own = [place[sign] for sign in signs(message)] + [len(names) - 1]
                columns += own
                values += [1.0] * len(own)
                ends.append(len(columns))
                owner.append(number)
        self.x = csr_matrix((values, columns, ends), shape=(len(owner), len(names)))
        self.owner = np.array(owner)
        # That the rule of an emergency is met never speaks against one.
        emergencies = {way.split("/")[0] for message in messages for way in message["met"] if not way.endswith("-")}
        speaks_for = lambda name: name == "!" or (name.startswith("!") and name[1:] in emergencies)
        self.bounds = [(0.0 if speaks_for(name) else None, None) for name in names]
        self.is_emergency = np.array([message["label"] == "emergency" for message in messages], float)

    def fit(self, kept):
        rows = kept[self.owner]
        x, owner = self.x[rows], self.owner[rows]
        y = self.is_emergency[owner]
        ridge = np.full(len(self.names), RIDGE)
        ridge[-1] = 0
        weights = np.zeros(len(self.names))
        for turn in range(ROUNDS):
            counted = np.ones(len(owner), bool)
            if turn:
                totals = x @ weights
                best = np.full(len(kept), -np.inf)
                np.maximum.at(best, owner, totals)
                counted = (y < 0.5) | (totals >= best[owner])
            part, label = x[counted], y[counted]

            def loss(w):
                z = part @ w
                right = 1 / (1 + np.exp(-z))
                value = (np.logaddexp(0, z) - label * z).sum() + 0.5 * (ridge * w * w).sum()
                return value, part.T @ (right - label) + ridge * w

            most = 40 if turn + 1 < ROUNDS else 150
            weights = minimize(loss, weights, jac=True, method="L-BFGS-B", bounds=self.bounds, options={"maxiter": most}).x
        return weights

    def totals(self, weights):
        best = np.full(len(self.is_emergency), -np.inf)
        np.maximum.at(best, self.owner, self.x @ weights)
        return best


def of_longer(messages):
    """The sets that points of longer messages are fitted to: those of brief ones say nothing of them."""
    return np.array([not message["set"].startswith("short-") for message in messages])


def totals(messages, data, kept):
    brief, longer = (100 * data.totals(data.fit(some)) for some in (kept, kept & of_longer(messages)))
    is_brief = np.array([message["brief"] for message in messages])
    return np.where(is_brief, brief - DOUBT, longer)


def leave_each_out(messages, data, sets):
    name = np.array([message["set"].split(",")[0] for message in messages])
    plain = np.array(["," not in message["set"] for message in messages])
    total = np.full(len(messages), np.nan)
    for held in sets:
        here = (name == held) & plain
        total[here] = totals(messages, data, name != held)[here]
    label = np.array([message["label"] for message in messages])
    certain = np.array([is_certain(message) for message in messages])
    print("of each hundred: emergency, ordinary, hard")
    for least in range(-300, 151, 25):
        share = lambda kind: 100 * np.mean((certain | (total >= least))[(label == kind) & ~np.isnan(total)])
        print(f"{least:5} {share('emergency'):6.2f} {share('ordinary'):6.2f} {share('hard'):6.2f}")


def ways(messages):
    right, wrong = collections.Counter(), collections.Counter()
    for message in messages:
        if "," not in message["set"]:
            (right if message["label"] == "emergency" else wrong).update(way.rstrip("!") for way in message["met"])
    for way in sorted(set(right) | set(wrong)):
        print(way, right[way], wrong[way])


def kept(target, names):
    """What `target` has for longer messages, the bias last."""
    lines = (line.rstrip("\n").split("\t") for line in open(target, encoding="utf-8") if not line.startswith("#"))
    known = {name: int(points) for name, _, points in lines}
    return [known.pop(name, 0) for name in names[:-1]] + [known.pop("")], known


def main(path, target=None, keep=None):
    messages = read(path)
    if target == "--ways":
        return ways(messages)
    data = Data(messages)
    if target is None:
        return leave_each_out(messages, data, HELD_OUT)
    brief = 100 * data.fit(np.ones(len(messages), bool))
    bias = brief[data.names.index(BRIEF)] - DOUBT
    longer, others = kept(target, data.names) if keep == "--keep-longer" else (100 * data.fit(of_longer(messages)), {})
    rows = [(name, round(one), round(other)) for name, one, other in zip(data.names[:-1], brief, longer) if name != BRIEF]
    rows = [row for row in rows if abs(row[1]) >= LEAST_POINTS or abs(row[2]) >= LEAST_POINTS or row[0].startswith("!")]
    rows += [(name, 0, points) for name, points in others.items() if points]
    with open(target, "w", encoding="utf-8") as file:
        file.write("# Points for an emergency, in hundredths: a word, a stem*, two words in a row, ^ a first word, {n} the\n")
        file.write("# nth list of lists.toml (or two of them), ~ a frame, / letters in a row, ! a rule that is met, or any.\n")
        file.write("# In a brief message, then in a longer one. Fitted by fit.py; the first line is the bias.\n")
        for row in [("", round(brief[-1] + bias), round(longer[-1])), *rows]:
            file.write("\t".join(map(str, row)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
