"""How was sections.tsv made? Which words of a question speak for which heading, learned from questions with their answers.

    python sections.py [--also QUESTIONS.jsonl ...] [--without PART] OUT      (needs numpy and scipy)

Reads crates/train/starter-questions.jsonl: questions in everyday words, each with the sentence of the article
that answers it; the heading it stands under is what is learned. No judged question is read unless `--also` names it. A
softmax over the headings of the article, linear in the words, the pairs of neighbouring words, and the headings that
aspects.txt hears (`asp:`); what stands in fewer than three articles is left out. Weights are written in tenths, zeros left
out.
"""

import argparse
import collections
import json
import re
import string
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
LEAST_ARTICLES = 3
DECAY = 1.0


def plain(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def articles():
    found = {}
    for path in (ROOT / "corpora" / "starter").glob("*.md"):
        parts = path.read_text(encoding="utf-8").split("---\n", 2)
        if len(parts) == 3:
            sections = re.finditer(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", parts[2], re.M | re.S)
            found[path.stem] = [(s[1].strip(), plain(s[2].replace("\n- ", " "))) for s in sections]
    return found


def aspects():
    for line in (HERE / "aspects.txt").read_text(encoding="utf-8").splitlines():
        if ":" in line and not line.startswith("#"):
            heading, cues = line.split(":", 1)
            yield heading.strip(), [cue.strip().split(" ") for cue in cues.split(",")]


ASPECTS = list(aspects())


def asked_for(question):
    words = re.findall(r"[\w\-&']+", question.lower())
    fits = lambda word, cue: word.startswith(cue[:-1]) if cue.endswith("*") else word == cue
    holds = lambda cue: any(
        all(map(fits, words[at:], cue)) for at in range(len(words) - len(cue) + 1)
    )
    return [heading for heading, cues in ASPECTS if any(map(holds, cues))]


def features(question):
    words = [re.sub("['’]", "", word) for word in re.findall(r"[a-z0-9'’&]+", question.lower())]
    stems = [word[:-2] if len(word) > 5 else word for word in words if word]
    framed = ["^", *stems, "$"]
    return {*stems, *(f"{a} {b}" for a, b in zip(framed, framed[1:])), *(f"asp:{h}" for h in asked_for(question))}


def learn(rows):
    headings = sorted({heading for *_, present, _ in rows for heading in present})
    place = {heading: at for at, heading in enumerate(headings)}
    seen = collections.defaultdict(set)
    for question, document, *_ in rows:
        for feature in features(question):
            seen[feature].add(document)
    vocabulary = sorted(feature for feature, documents in seen.items() if len(documents) >= LEAST_ARTICLES)
    number = {feature: at for at, feature in enumerate(vocabulary)}
    cases = []
    for question, _, present, right in rows:
        known = np.array([number[f] for f in features(question) if f in number], int)
        cases.append((known, np.array([place[h] for h in present]), np.array([h in right for h in present], float)))
    shape = (len(vocabulary), len(headings))
    split = shape[0] * shape[1]

    def loss(flat):
        weights, bias = flat[:split].reshape(shape), flat[split:]
        slope = np.zeros_like(flat)
        slope_weights, slope_bias = slope[:split].reshape(shape), slope[split:]
        total = 0.0
        for known, present, right in cases:
            scores = weights[known][:, present].sum(0) + bias[present]
            shares = np.exp(scores - scores.max())
            shares /= shares.sum()
            hit = (shares * right).sum() + 1e-12
            total -= np.log(hit)
            difference = shares - shares * right / hit
            slope_weights[np.ix_(known, present)] += difference
            slope_bias[present] += difference
        total += DECAY / 2 * (flat[:split] ** 2).sum() + 0.01 * (bias**2).sum()
        return total, slope + np.concatenate([DECAY * flat[:split], 0.02 * bias])

    flat = minimize(loss, np.zeros(split + shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 150}).x
    return headings, vocabulary, flat[:split].reshape(shape), flat[split:]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("--also", type=Path, action="append", default=[])
    options.add_argument("--without")
    options = options.parse_args()
    known, rows = articles(), []
    training = ROOT / "crates" / "train" / "starter-questions.jsonl"
    for path in [training, *options.also]:
        for row in map(json.loads, path.open(encoding="utf-8")):
            if not row["document"] or row.get("part") == options.without is not None:
                continue
            texts = [plain(text) for text in row.get("accepted") or row["answers"]]
            right = {h for h, text in known[row["document"]] if any(t in text for t in texts)}
            present = sorted({h for h, _ in known[row["document"]]})
            if right:
                rows.append((row["question"], row["document"], present, right))
    headings, vocabulary, weights, bias = learn(rows)
    tenths = lambda values: " ".join(f"{at}:{round(x * 10)}" for at, x in enumerate(values) if round(x * 10))
    with options.out.open("w", encoding="utf-8") as out:
        out.write("# Which words of a question speak for which heading: made by sections.py, which says how; tenths.\n")
        out.write("\t".join(["headings", *headings]) + "\n")
        out.write(f"bias\t{tenths(bias)}\n")
        for feature, values in zip(vocabulary, weights):
            if tenths(values):
                out.write(f"{feature}\t{tenths(values)}\n")


if __name__ == "__main__":
    main()
