"""How fast does `clinqa train` learn beside PyTorch? The same work, turn by turn, on the same cores.

    cargo build --release -p clinqa-train --example speed
    python crates/train/speed.py target/release/examples/speed MINILM_FOLDER

MINILM_FOLDER holds the all-MiniLM-L6-v2 checkpoint in f32 (`tests/parity/fetch_minilm.sh FOLDER`). Each turn is three
steps of AdamW on 16 sequences of 176 tokens: span head, dropout 0.1, gradients clipped, word embeddings frozen.
"""

import argparse
import statistics
import subprocess
import time

import torch
from transformers import BertForQuestionAnswering

SEQUENCES, TOKENS, STEPS = 16, 176, 3


class Torch:
    """PyTorch's side."""

    def __init__(self, folder, threads):
        if threads:
            torch.set_num_threads(threads)
        self.model = BertForQuestionAnswering.from_pretrained(folder).train()
        self.model.bert.embeddings.word_embeddings.weight.requires_grad_(False)
        learned = [p for p in self.model.parameters() if p.requires_grad]
        self.learned = learned
        self.optimizer = torch.optim.AdamW(learned, lr=3e-5, weight_decay=0.01)
        words = self.model.config.vocab_size
        ids = [[1000 + (i * 7919 + b * 104729) % (words - 1000) for i in range(TOKENS)] for b in range(SEQUENCES)]
        self.batch = {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.ones(SEQUENCES, TOKENS, dtype=torch.long),
            "start_positions": torch.tensor([b * 11 % 176 for b in range(SEQUENCES)]),
            "end_positions": torch.tensor([(b * 11 + 5) % 176 for b in range(SEQUENCES)]),
        }

    def seconds(self):
        begun = time.perf_counter()
        for _ in range(STEPS):
            self.optimizer.zero_grad()
            self.model(**self.batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
            self.optimizer.step()
        return time.perf_counter() - begun


class Clinqa:
    """Ours, in a process of its own."""

    def __init__(self, worker, folder):
        self.process = subprocess.Popen([worker, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self):
        self.process.stdin.write(f"{STEPS}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline().split()[0])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worker")
    parser.add_argument("folder")
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0, help="PyTorch's; ours takes RAYON_NUM_THREADS")
    args = parser.parse_args()
    sides = {"clinqa": Clinqa(args.worker, args.folder), "PyTorch": Torch(args.folder, args.threads)}
    for side in sides.values():
        side.seconds()
    found = {name: [] for name in sides}
    for _ in range(args.turns):
        for name, side in sides.items():
            found[name].append(SEQUENCES * STEPS / side.seconds())
    sides["clinqa"].close()
    for name, speeds in found.items():
        middle = statistics.median(speeds)
        print(f"{name}: {middle:.2f} examples a second (median of {args.turns}, {min(speeds):.2f} to {max(speeds):.2f})")
    ratios = [ours / theirs for ours, theirs in zip(found["clinqa"], found["PyTorch"])]
    print(f"clinqa / PyTorch: {statistics.median(ratios):.2f} (median of the turns)")


if __name__ == "__main__":
    main()
