"""Does sentence-transformers give an encoder's texts the vectors that our binary gives them?

    python tests/parity/check_encoder.py FOLDER --binary target/debug/clinqa

FOLDER is what `clinqa train encoder` left in OUT/checkpoint, or any other checkpoint in the layout of sentence-transformers.
Its pooling, its length and its normalisation are read from its own files on both sides. Our vectors are compared by the
cosines that `clinqa eval retrieval --run-dir` writes of every text to every other; none may be off by more than 1e-4.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from sentence_transformers import SentenceTransformer

TOLERANCE = 1e-4

TEXTS = [
    "Asthma narrows the airways and makes people wheeze.",
    "What are the symptoms of asthma?",
    "Gout is a painful swelling of the big toe, caused by crystals of uric acid.",
    "Antiviral tablets are begun within 72 hours of the first blisters.",
    "Who can get shingles?",
    "Migraine is a throbbing headache on one side of the head, often with nausea.",
    "No chest pain",
    "Type 2 diabetes is treated with diet, exercise and metformin. " * 40,
]

# The last text is longer than a question may be.
QUESTIONS = len(TEXTS) - 1


def ours(binary, folder):
    """Text number, text number -> cosine."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        rows = [json.dumps({"_id": f"t{n}", "text": text}) + "\n" for n, text in enumerate(TEXTS)]
        (root / "bench").mkdir()
        (root / "bench" / "corpus.jsonl").write_text("".join(rows))
        (root / "bench" / "queries.jsonl").write_text("".join(rows[:QUESTIONS]))
        command = [binary, "eval", "retrieval", "bench", "--run-dir", "runs", "--json", "--index", "index", "--encoder"]
        subprocess.run([*command, folder], cwd=root, check=True, stdout=subprocess.DEVNULL)
        lines = [line.split() for line in (root / "runs" / "dense.run").read_text().splitlines()]
        return {(line[0], line[2]): float(line[4]) for line in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--binary", required=True)
    args = parser.parse_args()
    folder = str(pathlib.Path(args.folder).resolve())
    model = SentenceTransformer(folder, device="cpu")
    vectors = model.encode(TEXTS, batch_size=1)
    cosines = ours(str(pathlib.Path(args.binary).resolve()), folder)
    worst = 0.0
    for (query, document), cosine in cosines.items():
        worst = max(worst, abs(float(vectors[int(query[1:])] @ vectors[int(document[1:])]) - cosine))
    print(f"{len(cosines)} cosines, off by at most {worst:.2e}; vectors of {vectors.shape[1]} components")
    if len(cosines) != QUESTIONS * len(TEXTS) or worst > TOLERANCE:
        sys.exit(f"more than {TOLERANCE} apart, or not all compared")


if __name__ == "__main__":
    main()
