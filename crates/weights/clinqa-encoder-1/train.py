"""How was this encoder fine-tuned?

    python train.py BASE_FOLDER OUT_FOLDER          (from the root of the repository, with ../shared/data beside it)

BASE_FOLDER is what tests/parity/fetch_minilm.sh makes. Needs torch and transformers; two CPU cores take about 20 minutes.
Writes OUT_FOLDER/hf (f32, Hugging Face layout) and a checkpoint every 60 steps, from which a second call goes on.

What is learned: a question (training.jsonl, part "train") lies nearer to the sentence that answers it, behind its title
and heading, than to the other answers of its batch and to another sentence of the same article; in three of ten batches
the same with whole sections. Every other batch or so holds pairs of MedQuAD, BioASQ 7b/9b and SciFact train, so that what the base
model knows is kept. InfoNCE, temperature 0.05; AdamW, 8e-5, warm-up 6%, linear decay; batches of 24; 2 epochs; the word
table stays as it was.
"""

import json
import math
import os
import random
import re
import sys
import tarfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer

HERE = Path(__file__).resolve().parent
ARTICLES = HERE.parents[2] / "corpora" / "starter"
SHARED = HERE.parents[2].parent / "shared" / "data"
EPOCHS, RATE, BATCH, SCALE = 2, 8e-5, 24, 20.0
SAVE_EVERY = 60


def flat(text):
    return " ".join(text.split())


class Article:
    """Title, and (heading, text) of every sentence; a list is one with what leads in to it."""

    def __init__(self, document):
        front, body = (ARTICLES / f"{document}.md").read_text(encoding="utf-8").split("---\n", 2)[1:]
        self.title = re.search(r"^title: *(.*)$", front, re.M)[1].strip("\"'")
        self.units, self.sections = [], {}
        for section in re.finditer(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", body, re.M | re.S):
            heading = section[1].strip()
            self.sections[heading] = flat(section[2])
            self.read(heading, section[2].strip().split("\n"))

    def read(self, heading, lines):
        in_list = False
        for line in filter(str.strip, lines):
            if line.startswith("- ") and in_list:
                self.units[-1] = (heading, self.units[-1][1] + "\n" + line)
                continue
            sentences = re.split(r"(?<=[.!?]) +(?=[A-Z])", line.strip())
            in_list = line.startswith("- ") or sentences[-1].endswith(":")
            self.units += [(heading, sentence) for sentence in sentences]

    def sentence(self, at):
        heading, text = self.units[at]
        return f"{self.title}. {heading}. {text}"

    def section(self, at):
        """The section around a sentence, 110 words at most."""
        heading, text = self.units[at]
        whole, start = self.sections[heading], flat(text)[:40]
        words, before = whole.split(), len(whole[: max(whole.find(start), 0)].split())
        if len(words) > 110:
            words = words[max(0, before - 30):][:110]
        return f"{self.title}. {heading}. {' '.join(words)}"


def our_questions():
    """(question, article, place of the sentence that answers)."""
    articles, found = {}, []
    for line in (HERE / "training.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        if row["part"] != "train":
            continue
        article = articles.setdefault(row["document"], None) or Article(row["document"])
        articles[row["document"]] = article
        answer = flat(row["answer"])
        places = [at for at, (_, text) in enumerate(article.units) if answer in flat(text) or flat(text) in answer]
        if places:
            found.append((row["question"], article, places[0]))
    return found


def medquad():
    """(question, answer of 110 words behind its topic, topic)."""
    pairs = []
    with tarfile.open(SHARED / "medquad.tar.xz") as archive:
        for member in archive:
            if not member.name.endswith(".xml"):
                continue
            try:
                root = ElementTree.parse(archive.extractfile(member)).getroot()
            except ElementTree.ParseError:
                continue
            topic = (root.findtext("Focus") or "").strip()
            for pair in root.iter("QAPair"):
                question, answer = (flat(pair.findtext(key) or "") for key in ("Question", "Answer"))
                if question and answer:
                    pairs.append((question, f"{topic}. {' '.join(answer.split()[:110])}", topic))
    return pairs


def beir(name):
    """(query, document of 160 words, query id) of the train split."""
    rows = lambda file: map(json.loads, (SHARED / name / file).open(encoding="utf-8"))
    texts = {row["_id"]: f"{row.get('title', '')} {row['text']}".strip() for row in rows("corpus.jsonl")}
    queries = {row["_id"]: row["text"] for row in rows("queries.jsonl")}
    for line in (SHARED / name / "qrels" / "train.tsv").read_text().splitlines()[1:]:
        query, document, relevance = line.split("\t")
        if int(relevance) > 0:
            yield queries[query], " ".join(texts[document].split()[:160]), query


def plan(ours, topics, others):
    """The batches of all epochs, in order: ("ours" | "general", rows)."""
    batches = []
    for epoch in range(EPOCHS):
        dice = random.Random(100 + epoch)
        rows = ours[:]
        dice.shuffle(rows)
        here = [("ours", rows[at:at + BATCH]) for at in range(0, len(rows), BATCH)]
        for pool, share in ((topics, 4), (others, 2)):
            first = epoch * len(here) * BATCH % len(pool)
            pool = pool[first:][: len(here) * BATCH // share]
            here += [("general", pool[at:at + BATCH]) for at in range(0, len(pool) - BATCH + 1, BATCH)]
        dice.shuffle(here)
        batches += here
    return batches


class Trainer:
    def __init__(self, base):
        self.tokenizer = AutoTokenizer.from_pretrained(base)
        self.model = AutoModel.from_pretrained(base)
        for parameter in self.model.embeddings.word_embeddings.parameters():
            parameter.requires_grad = False
        for module in self.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.05
        learned = [p for p in self.model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(learned, lr=RATE, weight_decay=0.01)

    def encode(self, texts, tokens):
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=tokens, return_tensors="pt")
        mask = batch["attention_mask"].unsqueeze(-1).float()
        hidden = self.model(**batch).last_hidden_state
        return F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)

    def ours(self, rows, dice):
        whole = dice.random() < 0.3
        text = Article.section if whole else Article.sentence
        right = [text(article, at) for _, article, at in rows]
        wrong = []
        for _, article, at in rows:
            elsewhere = whole or dice.random() < 0.6
            headings = [heading for heading, _ in article.units]
            others = [n for n in range(len(headings)) if n != at and not (elsewhere and headings[n] == headings[at])]
            wrong.append(text(article, dice.choice(others)))
        scores = SCALE * self.encode([q for q, _, _ in rows], 32) @ self.encode(right + wrong, 112 if whole else 64).T
        for i, own in enumerate(right):
            for j, other in enumerate(right + wrong):
                if j != i and other == own:
                    scores[i, j] = -1e4
        labels = torch.arange(len(rows))
        return F.cross_entropy(scores, labels) + 0.3 * F.cross_entropy(scores[:, : len(rows)].T, labels)

    def general(self, rows):
        scores = SCALE * self.encode([q for q, _, _ in rows], 40) @ self.encode([a for _, a, _ in rows], 96).T
        for i, (_, answer, key) in enumerate(rows):
            for j, (_, other, other_key) in enumerate(rows):
                if i != j and (answer == other or key == other_key):
                    scores[i, j] = -1e4
        return F.cross_entropy(scores, torch.arange(len(rows)))

    def step(self, kind, rows, at, total):
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * min(1, (at + 1) / (0.06 * total)) * max(0.02, (total - at) / total)
        loss = self.ours(rows, random.Random(at)) if kind == "ours" else self.general(rows)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()


def main(base, out):
    torch.manual_seed(7)
    random.seed(7)
    out.mkdir(parents=True, exist_ok=True)
    topics, others = medquad(), [*beir("bioasq-snippets"), *beir("scifact")]
    random.shuffle(topics)
    random.shuffle(others)
    batches = plan(our_questions(), topics, others)
    trainer, saved, begun, total = Trainer(base), out / "checkpoint.pt", 0, len(batches)
    if saved.exists():
        state = torch.load(saved)
        trainer.model.load_state_dict(state["model"])
        trainer.optimiser.load_state_dict(state["optimiser"])
        begun = state["step"]
    trainer.model.train()
    started = time.time()
    for at in range(begun, total):
        loss = trainer.step(*batches[at], at, total)
        if not math.isfinite(loss):
            sys.exit(f"the loss of step {at} is {loss}; the last good checkpoint is {saved}")
        pace = (time.time() - started) / (at + 1 - begun)
        print(f"{at + 1}/{total} {batches[at][0]} loss {loss:.3f}, {(total - at) * pace / 60:.0f} min left", flush=True)
        if (at + 1) % SAVE_EVERY == 0 or at + 1 == total:
            state = {"model": trainer.model.state_dict(), "optimiser": trainer.optimiser.state_dict(), "step": at + 1}
            torch.save(state, saved.with_suffix(".next"))
            os.replace(saved.with_suffix(".next"), saved)
    trainer.model.save_pretrained(out / "hf")
    trainer.tokenizer.save_pretrained(out / "hf")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
