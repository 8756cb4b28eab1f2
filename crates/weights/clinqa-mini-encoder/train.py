"""How was this encoder fine-tuned?

    clinqa train pairs --medquad ../shared/data/medquad.tar.xz --out target/medquad
    python train.py BASE_FOLDER OUT_FOLDER          (from the root of the repository, with ../shared/data beside it)

BASE_FOLDER is what tests/parity/fetch_minilm.sh makes. Needs torch and transformers; two CPU cores with AMX take 19
minutes. Writes OUT_FOLDER/hf (f32, Hugging Face layout) and a checkpoint every 60 steps, from which a second call goes
on.

What is learned: a question of crates/train/starter-questions.jsonl lies nearer to a sentence that answers it, behind its title and heading,
than to the sentences of the same article that do not, to those of other articles that look like it, and to all other
texts of its batch; in four of ten batches the same with stretches of about a passage. Between them stand batches of
BioASQ 7b/9b, SciFact train and MedQuAD, with passages that look right and are not called relevant. Our negatives are
mined with the model as it is at the start of each epoch, the others once; what scores nearly as high as the answer is
left out, since it may be one.
InfoNCE, temperature 0.05; AdamW, 8e-5, warm-up 6%, linear decay; 2 epochs; no dropout, bfloat16 products; the word
table stays as it was. With glibc it is faster with GLIBC_TUNABLES as crates/train/reader.py says.
"""

import json
import math
import os
import random
import re
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer

ROOT = Path(__file__).resolve().parents[3]
QUESTIONS = ROOT / "crates" / "train" / "starter-questions.jsonl"
ARTICLES, SHARED = ROOT / "corpora" / "starter", ROOT.parent / "shared" / "data"
MEDQUAD = ROOT / "target" / "medquad" / "train"
EPOCHS, RATE, BATCH, SCALE, SEED = 2, 8e-5, 32, 20.0, 7
SENTENCE, PASSAGE, QUESTION = 64, 144, 40
# What scores above this share of the answer's own score may answer too.
SURE = 0.95
# Of each other collection: queries to learn from, and texts among which negatives are looked for.
MOST, OTHERS = 400, 2500
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
        self.sentences = [f"{self.title}. {heading}. {text}" for heading, text in self.units]
        self.passages = [self.passage(at) for at in range(len(self.units))]

    def read(self, heading, lines):
        in_list = False
        for line in filter(str.strip, lines):
            if line.startswith("- ") and in_list:
                self.units[-1] = (heading, self.units[-1][1] + "\n" + line)
                continue
            sentences = re.split(r"(?<=[.!?]) +(?=[A-Z])", line.strip())
            in_list = line.startswith("- ") or sentences[-1].endswith(":")
            self.units += [(heading, sentence) for sentence in sentences]

    def passage(self, at):
        """The section around a sentence, 110 words at most."""
        heading, text = self.units[at]
        whole, start = self.sections[heading], flat(text)[:40]
        words, before = whole.split(), len(whole[: max(whole.find(start), 0)].split())
        if len(words) > 110:
            words = words[max(0, before - 30) :][:110]
        return f"{self.title}. {heading}. {' '.join(words)}"

    def places(self, answers):
        """The sentences that hold an answer or stand in one."""
        answers = [flat(answer) for answer in answers]
        holds = lambda text: any(answer in text or text in answer for answer in answers)
        return [at for at, (_, text) in enumerate(self.units) if holds(flat(text))]


def judged_test_articles():
    rows = map(json.loads, (ARTICLES / "questions.jsonl").open(encoding="utf-8"))
    return {row["document"] for row in rows if row["split"] == "test"}


class Texts:
    """What can be found: its vectors are those of the last mining."""

    def __init__(self, tokens):
        self.texts, self.places, self.tokens, self.vectors = [], {}, tokens, None

    def add(self, text):
        if text not in self.places:
            self.places[text] = len(self.texts)
            self.texts.append(text)
        return self.places[text]


class Set:
    """Questions, what answers each, and how many texts of its own article and of others stand beside it as wrong."""

    def __init__(self, kind, texts, batch, wrong):
        self.kind, self.texts, self.batch, self.wrong = kind, texts, batch, wrong
        self.rows = []

    def mine(self, trainer):
        """The texts that look most like an answer and are none: its own article's first, if it has one."""
        pool = self.texts.vectors
        for first in range(0, len(self.rows), 256):
            rows = self.rows[first : first + 256]
            scores = trainer.vectors([row["question"] for row in rows], QUESTION) @ pool.T
            for row, line in zip(rows, scores):
                right = line[row["right"]].max().item()
                line[row["right"]] = -2.0
                near = []
                if row["own"]:
                    own = torch.tensor([place for place in row["own"] if place not in row["right"]])
                    if len(own):
                        ranked = own[line[own].argsort(descending=True)].tolist()
                        # Where every answer of the article was marked, the rest is none.
                        near = [at for at in ranked if row["all"] or line[at] < SURE * right][: self.wrong[0]]
                    line[row["own"]] = -2.0
                ranked = line.topk(min(60, len(line))).indices.tolist()
                near += [at for at in ranked if line[at] < SURE * right and line[at] > -1][: self.wrong[1]]
                row["near"] = near


def ours(test):
    sentences, passages = Texts(SENTENCE), Texts(PASSAGE)
    by_sentence, by_passage = Set("sentences", sentences, BATCH, (3, 2)), Set("passages", passages, BATCH // 2, (2, 1))
    articles = {}
    for line in QUESTIONS.open(encoding="utf-8"):
        row = json.loads(line)
        document = row["document"]
        assert document not in test, document
        if row["part"] != "train":
            continue
        article = articles.get(document) or articles.setdefault(document, Article(document))
        right = article.places(row["answers"])
        if not right:
            continue
        asked = row.get("understood") or row["question"]
        for of, texts in ((by_sentence, article.sentences), (by_passage, article.passages)):
            own = sorted({of.texts.add(text) for text in texts})
            answers = sorted({of.texts.places[texts[at]] for at in right})
            of.rows.append({"question": asked, "right": answers, "own": own, "all": "group" in row})
    return by_sentence, by_passage


def beir(folder, most, words):
    """Queries of the train split with what is called relevant, and others among which negatives are looked for."""
    rows = lambda file: map(json.loads, (folder / file).open(encoding="utf-8"))
    texts = Texts(PASSAGE)
    found = Set(folder.name, texts, BATCH, (0, 2))
    asked, relevant = {row["_id"]: row["text"] for row in rows("queries.jsonl")}, {}
    for line in (folder / "qrels" / "train.tsv").read_text().splitlines()[1:]:
        query, document, relevance = line.split("\t")
        if int(relevance) > 0:
            relevant.setdefault(query, []).append(document)
    dice, queries = random.Random(SEED), sorted(relevant)
    dice.shuffle(queries)
    queries = queries[:most]
    # Of many that are relevant to one query a few are enough; the others are still no negatives.
    learned = {query: relevant[query][:4] for query in queries}
    everything = sorted(row["_id"] for row in rows("corpus.jsonl"))
    kept = set(dice.sample(everything, min(OTHERS, len(everything)))).union(*learned.values())
    places = {
        row["_id"]: texts.add(" ".join(f"{row.get('title', '')} {row['text']}".split()[:words]))
        for row in rows("corpus.jsonl") if row["_id"] in kept
    }
    for query in queries:
        right = sorted(places[document] for document in learned[query])
        known = sorted(places[document] for document in relevant[query] if document in places)
        found.rows.append({"question": asked[query], "right": right, "own": known, "all": False})
    return found


class Trainer:
    def __init__(self, base):
        self.tokenizer = AutoTokenizer.from_pretrained(base)
        no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        self.model = AutoModel.from_pretrained(base, attn_implementation="eager", **no_dropout)
        for parameter in self.model.embeddings.word_embeddings.parameters():
            parameter.requires_grad = False
        learned = [p for p in self.model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(learned, lr=RATE, weight_decay=0.01, fused=True)
        self.model.train()

    def encode(self, texts, tokens):
        """In groups of about the same length, so that little padding is computed."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        parts = []
        for first in range(0, len(order), 64):
            group = [texts[at] for at in order[first : first + 64]]
            batch = self.tokenizer(group, padding=True, truncation=True, max_length=tokens, return_tensors="pt")
            with torch.autocast("cpu", dtype=torch.bfloat16):
                hidden = self.model(**batch).last_hidden_state.float()
            mask = batch["attention_mask"].unsqueeze(-1).float()
            parts.append((hidden * mask).sum(1) / mask.sum(1))
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return F.normalize(torch.cat(parts)[back], dim=-1)

    @torch.no_grad()
    def vectors(self, texts, tokens):
        return torch.cat([self.encode(texts[first : first + 4096], tokens) for first in range(0, len(texts), 4096)])

    def loss(self, of, rows, dice):
        texts = of.texts
        right = [dice.choice(row["right"]) for row in rows]
        places = list(dict.fromkeys(right + [at for row in rows for at in row["near"]]))
        column = {place: at for at, place in enumerate(places)}
        questions = self.encode([row["question"] for row in rows], QUESTION)
        scores = SCALE * questions @ self.encode([texts.texts[at] for at in places], texts.tokens).T
        labels = torch.tensor([column[at] for at in right])
        for i, row in enumerate(rows):
            for at in row["right"]:
                if at in column and at != right[i]:
                    scores[i, column[at]] = -1e4
        loss = F.cross_entropy(scores, labels)
        back = scores[:, labels].T
        numbers = range(len(rows))
        same = torch.tensor([[i != j and right[i] in rows[j]["right"] for j in numbers] for i in numbers])
        return loss + 0.3 * F.cross_entropy(back.masked_fill(same, -1e4), torch.arange(len(rows)))

    def step(self, of, rows, at, total):
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * min(1, (at + 1) / (0.06 * total)) * max(0.02, (total - at) / total)
        loss = self.loss(of, rows, random.Random(at))
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()


def plan(sets, epoch):
    """The batches of an epoch: sentences of six in ten of our questions, passages of the others, all of the rest."""
    dice, batches = random.Random(100 + epoch), []
    ours = list(range(len(sets[0].rows)))
    dice.shuffle(ours)
    cut = len(ours) * 6 // 10
    chosen = [ours[:cut], ours[cut:]] + [dice.sample(range(len(of.rows)), len(of.rows)) for of in sets[2:]]
    for number, (of, rows) in enumerate(zip(sets, chosen)):
        batches += [(number, rows[at : at + of.batch]) for at in range(0, len(rows) - of.batch + 1, of.batch)]
    dice.shuffle(batches)
    return batches


def main(base, out):
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    out.mkdir(parents=True, exist_ok=True)
    folders = (SHARED / "bioasq-snippets", SHARED / "scifact", MEDQUAD)
    sets = [*ours(judged_test_articles()), *(beir(folder, MOST, 120) for folder in folders)]
    print([(of.kind, len(of.rows), len(of.texts.texts)) for of in sets], flush=True)
    trainer, saved = Trainer(base), out / "checkpoint.pt"
    plans = [plan(sets, epoch) for epoch in range(EPOCHS)]
    total, begun = sum(map(len, plans)), 0
    if saved.exists():
        state = torch.load(saved)
        trainer.model.load_state_dict(state["model"])
        trainer.optimiser.load_state_dict(state["optimiser"])
        begun = state["step"]
    at, started = 0, time.time()
    for epoch, batches in enumerate(plans):
        if at + len(batches) <= begun:
            at += len(batches)
            continue
        for number, of in enumerate(sets):
            # Large collections change little under the model, and cost the most to go through again.
            if number < 2 or epoch == 0 or of.texts.vectors is None:
                of.texts.vectors = trainer.vectors(of.texts.texts, of.texts.tokens)
                of.mine(trainer)
                print(f"mined {of.kind}, {time.time() - started:.0f} s", flush=True)
        for number, rows in batches:
            at += 1
            if at <= begun:
                continue
            of = sets[number]
            loss = trainer.step(of, [of.rows[row] for row in rows], at - 1, total)
            if not math.isfinite(loss):
                sys.exit(f"the loss of step {at} is {loss}; the last good checkpoint is {saved}")
            if at % 10 == 0:
                print(f"{at}/{total} {of.kind} loss {loss:.3f}, {time.time() - started:.0f} s", flush=True)
            if at % SAVE_EVERY == 0 or at == total:
                state = {"model": trainer.model.state_dict(), "optimiser": trainer.optimiser.state_dict(), "step": at}
                torch.save(state, saved.with_suffix(".next"))
                os.replace(saved.with_suffix(".next"), saved)
    trainer.model.save_pretrained(out / "hf")
    trainer.tokenizer.save_pretrained(out / "hf")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
