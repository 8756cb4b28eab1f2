#!/usr/bin/env python3
"""What would PyTorch have learned from the same examples, in the same order, with the same settings?

    crates/train/reader.py --from BASE --begin START
    clinqa train reader --from START --data FILE --out RUN --write-examples EXAMPLES --write-dev DEV …
    crates/train/reader.py --from START --examples EXAMPLES --out FOLDER [--threads N] [--bf16]
    clinqa eval reader DEV --reader RUN/checkpoint --json
    clinqa eval reader DEV --reader FOLDER --json

EXAMPLES holds the settings, the token ids and the batches of every epoch, so nothing is left to chance but dropout.
START is BASE with a head of random numbers, for both to begin from. What comes out is scored by the same program on the
same questions. Needs torch and transformers.

With --bf16 products are computed in bfloat16 and there is no dropout, whose random numbers cost a third of the time:
twice as fast on a CPU with AMX. A comparison with ours is made without it. The state is kept every ten minutes beside
FOLDER and gone on from. With glibc, a quarter of the time goes into page faults unless freed memory is kept:
GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8589934592:glibc.malloc.trim_threshold=17179869184
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import torch
from transformers import BertForQuestionAnswering

COMPANIONS = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]


def read(path):
    """The settings, the examples, and the batches of each epoch."""
    settings, examples, epochs = None, [], []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["kind"] == "run":
                settings = record
            elif record["kind"] == "example":
                examples.append(record)
            else:
                epochs.append(record["batches"])
    if settings is None:
        raise SystemExit(f"{path} does not begin with the settings of a run; write it with --write-examples")
    return settings, examples, epochs


def padded(batch):
    """Token ids, types and mask as tensors, as long as the longest of the batch."""
    longest = max(len(example["ids"]) for example in batch)
    fill = lambda values: values + [0] * (longest - len(values))
    tensor = lambda rows: torch.tensor([fill(row) for row in rows])
    ids = tensor([example["ids"] for example in batch])
    types = tensor([example["types"] for example in batch])
    mask = tensor([[1] * len(example["ids"]) for example in batch])
    return ids, types, mask


def loss_of(model, batch, bf16):
    """The mean of the cross entropies of start and end, over the tokens that there are."""
    ids, types, mask = padded(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        output = model(input_ids=ids, token_type_ids=types, attention_mask=mask)
    losses = []
    for logits, name in [(output.start_logits, "start"), (output.end_logits, "end")]:
        logits = logits.float().masked_fill(mask == 0, -1e9)
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor([e[name] for e in batch])))
    return (losses[0] + losses[1]) / 2


def groups(model, settings):
    """Weight decay pulls at no bias and at no layer norm; frozen parameters are left out."""
    kept, free = [], []
    for name, parameter in model.named_parameters():
        if settings["freeze_embeddings"] and name == "bert.embeddings.word_embeddings.weight":
            parameter.requires_grad = False
            continue
        (free if name.endswith("bias") or "LayerNorm" in name else kept).append(parameter)
    return [{"params": kept, "weight_decay": settings["decay"]}, {"params": free, "weight_decay": 0.0}]


def share(progress, warmup):
    """A straight line up during the warm-up, then a straight line down."""
    return progress / warmup if progress < warmup else (1 - progress) / (1 - warmup)


def copy_companions(base, out):
    for name in COMPANIONS:
        if (base / name).is_file():
            shutil.copy(base / name, out / name)


def begin(base, out):
    """The checkpoint with a head of random numbers, the same each time."""
    torch.manual_seed(1)
    BertForQuestionAnswering.from_pretrained(base, dtype=torch.float32).save_pretrained(out)
    copy_companions(base, out)
    print(f"{out} holds the checkpoint with a new head")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--from", dest="base", type=Path, required=True, help="the checkpoint to begin from")
    arguments.add_argument("--begin", type=Path, metavar="START", help="only write BASE with a new head into this folder")
    arguments.add_argument("--examples", type=Path, help="what --write-examples wrote")
    arguments.add_argument("--out", type=Path, help="the folder to write")
    arguments.add_argument("--threads", type=int, help="threads to compute with")
    arguments.add_argument("--bf16", action="store_true", help="faster, and not quite the same")
    typed = arguments.parse_args()
    if typed.begin:
        return begin(typed.base, typed.begin)
    if not (typed.examples and typed.out):
        arguments.error("name --examples and --out, or --begin")
    if typed.threads:
        torch.set_num_threads(typed.threads)
    settings, examples, epochs = read(typed.examples)
    torch.manual_seed(settings["seed"])
    dropout_names = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    how = dict.fromkeys(dropout_names, 0.0 if typed.bf16 else settings["dropout"])
    if typed.bf16:
        # Plain attention is the faster one on the way back.
        how["attn_implementation"] = "eager"
    model = BertForQuestionAnswering.from_pretrained(typed.base, dtype=torch.float32, **how)
    model.train()
    parameters = groups(model, settings)
    optimizer = torch.optim.AdamW(parameters, lr=settings["rate"], betas=(0.9, 0.999), eps=1e-8, fused=typed.bf16)
    learned = [parameter for group in parameters for parameter in group["params"]]
    accumulate, total = settings["accumulate"], settings["total_steps"]
    state = typed.out.with_name(typed.out.name + ".state")
    done = 0
    if state.is_file():
        kept = torch.load(state)
        if kept["settings"] != settings or kept["examples"] != len(examples):
            raise SystemExit(f"{state} is of another run; delete it, or name another --out")
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        done = kept["step"]
        print(f"goes on after step {done}", flush=True)
    step, begun, seen, stored = 0, time.monotonic(), 0, time.monotonic()
    for batches in epochs:
        for first in range(0, len(batches), accumulate):
            if step >= total:
                break
            if step < done:
                step += 1
                continue
            if time.monotonic() - stored > 600:
                stored = time.monotonic()
                partial = state.with_suffix(".partial")
                kept = {"settings": settings, "examples": len(examples), "step": step}
                torch.save({**kept, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, partial)
                partial.replace(state)
            rate = settings["rate"] * share((step + 0.5) / total, settings["warmup"])
            for group in optimizer.param_groups:
                group["lr"] = rate
            parts = batches[first : first + accumulate]
            mean = 0.0
            for part in parts:
                loss = loss_of(model, [examples[index] for index in part], typed.bf16) / len(parts)
                loss.backward()
                mean += loss.item()
                seen += len(part)
            if settings["clip"] > 0:
                torch.nn.utils.clip_grad_norm_(learned, settings["clip"])
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            if step % 10 == 0 or step == total:
                speed = seen / (time.monotonic() - begun)
                print(json.dumps({"step": step, "loss": round(mean, 4), "examples_per_second": round(speed, 2)}), flush=True)
    model.config.update(dict.fromkeys(dropout_names, settings["dropout"]))
    model.save_pretrained(typed.out)
    state.unlink(missing_ok=True)
    copy_companions(typed.base, typed.out)
    print(f"{typed.out} holds the checkpoint")


if __name__ == "__main__":
    main()
