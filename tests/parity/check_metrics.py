"""Are our ranking metrics those of trec_eval?

Compares `clinqa eval score` with pytrec_eval (package pytrec-eval-terrier) on seeded random runs that are full of ties,
unjudged documents, queries without relevant documents and queries missing on either side:

    python tests/parity/check_metrics.py --binary target/release/clinqa

The same generator made the small files in tests/data/metrics, which the unit tests of crates/eval read; to make them anew:

    python tests/parity/check_metrics.py --write tests/data/metrics
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import pytrec_eval

TOLERANCE = 1e-6

# Our name, trec_eval's name.
MEASURES = {
    "ndcg@10": "ndcg_cut_10",
    "ndcg@3": "ndcg_cut_3",
    "recall@1": "recall_1",
    "recall@10": "recall_10",
    "recall@100": "recall_100",
    "recall@5": "recall_5",
    "precision@5": "P_5",
    "precision@30": "P_30",
    "mrr": "recip_rank",
    "map": "map",
}
# What `clinqa eval score` prints.
PRINTED = ["ndcg@10", "recall@1", "recall@10", "recall@100", "mrr", "map"]


def make(seed, queries, documents, depth):
    """A run and qrels. Few distinct scores, so that ties are the rule; ids whose order as text is not that of numbers."""
    rng = random.Random(seed)
    ids = [f"d{n}" for n in range(documents)] + ["D-upper", "é-accent", "z_last"]
    run, qrels = {}, {}
    for number in range(queries):
        query = f"q{number}"
        if number % 7 != 3:
            judged = rng.sample(ids, rng.randint(1, min(len(ids), 12)))
            qrels[query] = {doc: rng.choice([0, 0, 1, 1, 2, 3, -1]) for doc in judged}
        if number % 5 != 4:
            found = rng.sample(ids, rng.randint(1, min(len(ids), depth)))
            levels = rng.choice([2, 5, 1000])
            run[query] = {doc: rng.randint(0, levels) / levels - 0.25 for doc in found}
    # One query of which nothing is relevant, answered all the same.
    qrels["q-none"] = {ids[0]: 0, ids[1]: -1}
    run["q-none"] = {ids[0]: 1.0, ids[1]: 0.5}
    return run, qrels


def expected(run, qrels):
    """pytrec_eval's value of every measure for every judged query; a query that the run lacks counts 0 (trec_eval -c)."""
    values = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values())).evaluate(run)
    return {
        ours: {query: values.get(query, {}).get(theirs, 0.0) for query in sorted(qrels)}
        for ours, theirs in MEASURES.items()
    }


def write(folder, run, qrels, beir):
    """Writes both files in a shuffled order, so that only scores and ids can decide; returns their paths."""
    rng = random.Random(len(run))
    lines = [(query, doc, score) for query, docs in run.items() for doc, score in docs.items()]
    rng.shuffle(lines)
    run_path = folder / "run.trec"
    run_path.write_text("".join(f"{q} Q0 {d} {n + 1} {s!r} random\n" for n, (q, d, s) in enumerate(lines)), "utf-8")
    judged = [(query, doc, rel) for query, docs in qrels.items() for doc, rel in docs.items()]
    rng.shuffle(judged)
    qrels_path = folder / ("qrels.tsv" if beir else "qrels.trec")
    if beir:
        text = "query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t{r}\n" for q, d, r in judged)
    else:
        text = "".join(f"{q} 0 {d} {r}\n" for q, d, r in judged)
    qrels_path.write_text(text, "utf-8")
    return run_path, qrels_path


def store(folder):
    folder.mkdir(parents=True, exist_ok=True)
    run, qrels = make(seed=7, queries=15, documents=25, depth=25)
    write(folder, run, qrels, beir=False)
    (folder / "expected.json").write_text(json.dumps(expected(run, qrels), indent=1) + "\n", "utf-8")


def compare(binary, rounds):
    worst = 0.0
    for seed in range(rounds):
        documents = [10, 40, 300][seed % 3]
        run, qrels = make(seed, queries=[1, 8, 40][seed % 3], documents=documents, depth=[5, 40, 200][seed % 3])
        with tempfile.TemporaryDirectory() as folder:
            run_path, qrels_path = write(pathlib.Path(folder), run, qrels, beir=seed % 2 == 0)
            command = [binary, "eval", "score", "--run", run_path, "--qrels", qrels_path, "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"seed {seed}: {binary} ended with {done.returncode}: {done.stderr.strip()}")
        ours = json.loads(done.stdout)
        theirs = expected(run, qrels)
        for name in PRINTED:
            mean = sum(theirs[name].values()) / len(theirs[name])
            if name not in ours:
                sys.exit(f"seed {seed}: {name} is missing in {sorted(ours)}")
            worst = max(worst, abs(ours[name] - mean))
            if not abs(ours[name] - mean) <= TOLERANCE:
                sys.exit(f"seed {seed}: {name} is {ours[name]}, pytrec_eval says {mean}")
    print(f"{rounds} random runs agree; the largest difference is {worst:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", help="the clinqa binary to compare")
    parser.add_argument("--rounds", type=int, default=60, help="how many random runs")
    parser.add_argument("--write", type=pathlib.Path, metavar="FOLDER", help="write the stored figures instead")
    args = parser.parse_args()
    if args.write:
        store(args.write)
    elif args.binary:
        compare(args.binary, args.rounds)
    else:
        parser.error("name a --binary to compare, or a folder to --write")


if __name__ == "__main__":
    main()
