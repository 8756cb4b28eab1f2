"""Which questions ask for what a corpus does not hold? The dev questions, asked where their own articles are missing.

    python crates/qa/absent.py OUT        (from the root of the repository)
    clinqa rebuild --corpus OUT/0/starter --index OUT/0/index
    clinqa eval answers OUT/0/questions.jsonl --index OUT/0/index --details OUT/0.details        (and the same with 1)

The articles that dev questions are about are dealt into two halves. OUT/0 and OUT/1 each lack one of them, and hold the
questions about it with nothing that would be right. Some are answered by a neighbour all the same: a label in ten is
wrong, so that fit.py counts them little.
"""

import json
import random
import shutil
import sys
from pathlib import Path

ARTICLES = Path(__file__).resolve().parents[2] / "corpora" / "starter"


def main(out):
    rows = map(json.loads, (ARTICLES / "questions.jsonl").open(encoding="utf-8"))
    asked = [row for row in rows if row["split"] == "dev" and row["document"]]
    articles = sorted({row["document"] for row in asked})
    random.Random(1).shuffle(articles)
    for half in range(2):
        missing, folder = set(articles[half::2]), out / str(half) / "starter"
        folder.mkdir(parents=True)
        for path in [*ARTICLES.glob("*.md"), ARTICLES / "corpus.toml", ARTICLES / "faq.jsonl"]:
            if path.stem not in missing:
                shutil.copy(path, folder)
        with (folder.parent / "questions.jsonl").open("w", encoding="utf-8") as file:
            for row in asked:
                if {row["document"], *row.pop("also", [])} <= missing:
                    file.write(json.dumps({**row, "document": None, "accepted": []}) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
