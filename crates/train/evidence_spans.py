#!/usr/bin/env python3
"""Where does a trial report say how two treatments differ in an outcome? Evidence Inference as SQuAD.

    crates/train/evidence_spans.py DATA/evidence-inference > evidence.json
    clinqa train reader --data evidence.json …

One question for each prompt whose annotators agreed that the answer is right, about the shortest stretch that they marked,
in a passage of some hundred characters on either side: a report has thousands of words, and nearly all of its windows
would hold no answer. Of annotations that were cut off, run over a line or do not stand where they say, none is taken.
"""

import csv
import json
import random
import sys
import tarfile
from pathlib import Path

MOST_WORDS = 45
AROUND = (100, 700)
QUESTIONS = [
    "Does {intervention} change {outcome} compared with {comparator}?",
    "How does {intervention} compare with {comparator} for {outcome}?",
    "What is the effect of {intervention} on {outcome}, compared with {comparator}?",
    "Is {outcome} different with {intervention} than with {comparator}?",
]


def table(path):
    with open(path, encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def reports(path):
    """The texts by their PMC number."""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                yield Path(member.name).stem.removeprefix("PMC"), archive.extractfile(member).read().decode("utf-8")


def stretch(text, row):
    """Where an annotation begins and what it says, if it is whole and stands there."""
    try:
        start, end = int(row["Evidence Start"]), int(row["Evidence End"])
    except ValueError:
        return None
    marked = text[start:end]
    said = marked.strip()
    whole = said and said == " ".join(said.split()) and len(said.split()) <= MOST_WORDS
    return (start + marked.index(said), said) if whole else None


def passage(text, start, said, draw):
    """The bounds of a passage around it, between words."""
    first = max(0, start - draw.randrange(*AROUND))
    last = min(len(text), start + len(said) + draw.randrange(*AROUND))
    while first > 0 and not text[first - 1].isspace():
        first -= 1
    while last < len(text) and not text[last].isspace():
        last += 1
    return first, last


def main(folder):
    csv.field_size_limit(2**31)
    prompts = {row["PromptID"]: row for row in table(folder / "prompts.csv")}
    marked = {}
    for row in table(folder / "annotations.csv"):
        if row["Valid Label"] == "True" and row["Valid Reasoning"] == "True":
            marked.setdefault(row["PromptID"], []).append(row)
    texts = dict(reports(folder / "txt.tar.xz"))
    draw, paragraphs = random.Random(1), []
    for prompt_id, rows in sorted(marked.items()):
        prompt = prompts[prompt_id]
        text = texts.get(prompt["PMCID"])
        found = [found for row in rows if text is not None and (found := stretch(text, row))]
        if not found:
            continue
        start, said = min(found, key=lambda one: len(one[1]))
        first, last = passage(text, start, said, draw)
        question = draw.choice(QUESTIONS).format(
            intervention=prompt["Intervention"].strip(),
            comparator=prompt["Comparator"].strip() or "control",
            outcome=prompt["Outcome"].strip(),
        )
        answer = {"text": said, "answer_start": start - first}
        asked = {"id": f"evidence-{prompt_id}", "question": question, "answers": [answer]}
        paragraphs.append({"context": text[first:last], "qas": [asked]})
    json.dump({"version": "1.1", "data": [{"title": "evidence-inference", "paragraphs": paragraphs}]}, sys.stdout)
    print(f"{len(paragraphs)} of {len(prompts)} prompts", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
