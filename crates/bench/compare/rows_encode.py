"""Rows about computing vectors. Needs nothing but Python; the peers have processes of their own."""

import json
import math

from table import median

DEMANDS = {
    "f32": (1.0, 1.2),
    "int8": (0.8, 1.2),
    "question": (1.0, 2.0),
    "mixed": (1.4, 2.0),
    "starter": (6_000, 10_000),
}

# Passages of the mixed row and of the row of the starter corpus: spread evenly over the corpus.
MIXED, STARTER = 256, 512
BATCH = 32


def spread(items: list, count: int) -> list:
    step = max(1, len(items) // count)
    return items[::step][:count]


def batches(sequences: list) -> list:
    return [sequences[at : at + BATCH] for at in range(0, len(sequences), BATCH)]


def cosine(left: list, right: list) -> float:
    dot = sum(a * b for a, b in zip(left, right))
    return dot / math.sqrt(sum(a * a for a in left) * sum(b * b for b in right))


class Encoders:
    """Ours twice, once for each precision, and the peers that compute from the same weights."""

    OURS_F32, OURS = "ours f32", "ours"
    F32 = ["onnxruntime", "onnxruntime fused", "PyTorch"]
    INT8 = ["onnxruntime int8", "onnxruntime fused int8"]

    def __init__(self, ground):
        self.ground = ground
        stage, threads = ground.stage, ground.threads
        self.processes = {}
        for name, precision in ((self.OURS_F32, "f32"), (self.OURS, "default")):
            self.processes[name] = ground.worker(name, threads)
            self.processes[name].ask("encoder", precision=precision)
        onnx = ground.models / "onnx"
        files = {"onnxruntime": "plain", "onnxruntime fused": "fused"}
        files |= {f"{name} int8": f"{stem}-int8" for name, stem in files.items()}
        for name, stem in files.items():
            path = onnx / f"{stem}.onnx"
            self.processes[name] = ground.peer(name, "peer_encode.py", "onnx", path, threads)
        self.processes["PyTorch"] = ground.peer("PyTorch", "peer_encode.py", "torch", ground.models / "f32", threads)
        self.texts = self.processes[self.OURS].ask("passages", corpus=str(ground.corpus))["texts"]
        self.real = self.processes[self.OURS].ask("ids", texts=spread(self.texts, STARTER))["ids"]
        self.stage = stage

    def close(self) -> None:
        for process in self.processes.values():
            self.stage.drop(process)

    def request(self, name: str, sequences: list, groups: list, repeat: int, **more) -> tuple:
        """Ours is given all sequences and makes batches itself, as it always does; a peer is given batches."""
        if name in (self.OURS, self.OURS_F32):
            return self.processes[name], "forward", {"ids": sequences, "repeat": repeat, **more}
        return self.processes[name], "forward", {"batches": groups, "repeat": repeat, **more}

    def times(self, names: list, sequences: list, groups: list, repeat: int) -> dict:
        requests = {name: self.request(name, sequences, groups, repeat) for name in names}
        return self.stage.interleaved(self.ground.rounds, requests)

    def cut(self, count: int, length: int) -> list:
        """Sequences of one length, of real tokens."""
        stream = [token for sequence in self.real for token in sequence]
        while len(stream) < count * length:
            stream += stream
        return [stream[at * length : (at + 1) * length] for at in range(count)]


def agreement(encoders: Encoders, table) -> None:
    """All compute the same thing, or comparing their speed means nothing."""
    sequences = encoders.real[:16]
    names = [encoders.OURS_F32, encoders.OURS, *encoders.F32, *encoders.INT8]
    means = {}
    for name in names:
        process, do, arguments = encoders.request(name, sequences, [sequences], 1, means=True)
        means[name] = process.ask(do, **arguments)["means"]
    reference = means["PyTorch"]
    least = {name: min(map(cosine, means[name], reference)) for name in names}
    shown = ", ".join(f"{name} {value:.5f}" for name, value in least.items() if name != "PyTorch")
    table.note(f"Least cosine to PyTorch's mean-pooled f32 vectors over 16 real passages: {shown}.")


def run(ground, table) -> None:
    encoders = Encoders(ground)
    try:
        agreement(encoders, table)
        square(encoders, table)
        question(encoders, table)
        mixed(encoders, table)
        starter(encoders, table)
    finally:
        encoders.close()


def square(encoders: Encoders, table) -> None:
    sequences = encoders.cut(32, 128)
    names = [encoders.OURS_F32, encoders.OURS, *encoders.F32, *encoders.INT8]
    times = encoders.times(names, sequences, [sequences], 3)
    table.ratio("encode 32 × 128 tokens, f32", encoders.OURS_F32, encoders.F32, times, DEMANDS["f32"])
    table.ratio("encode 32 × 128, our default against dynamic int8", encoders.OURS, encoders.INT8, times, DEMANDS["int8"])
    against_ceiling(encoders.ground, table, median(times[encoders.OURS_F32]))


def against_ceiling(ground, table, ms: float) -> None:
    """How much of the machine's best product ours reaches, everything that is no product included."""
    ceiling = ground.facts.get("product")
    if ceiling is None:
        return
    config = json.loads((ground.models / "f32" / "config.json").read_text())
    width, inner = config["hidden_size"], config["intermediate_size"]
    # Queries, keys, values and their way out; widening and narrowing; scores and mixing.
    each = 2 * (4 * width * width + 2 * width * inner + 2 * 128 * width)
    speed = 32 * 128 * config["num_hidden_layers"] * each / ms / 1e6
    table.note(f"Ours in f32 at 32 × 128 does {speed:,.0f} GFLOP/s, {speed / ceiling:.0%} of the large product.")


def question(encoders: Encoders, table) -> None:
    sequences = encoders.cut(1, 16)
    names = [encoders.OURS, *encoders.F32, *encoders.INT8]
    times = encoders.times(names, sequences, [sequences], 40)
    what = "encode one question of 16 tokens, our default"
    table.ratio(what, encoders.OURS, encoders.F32, times, DEMANDS["question"])
    table.ratio(f"{what}, against dynamic int8", encoders.OURS, encoders.INT8, times, DEMANDS["question"])


def mixed(encoders: Encoders, table) -> None:
    sequences = spread(encoders.real, MIXED)
    onnx = ["onnxruntime", "onnxruntime fused"]
    ordered = sorted(sequences, key=len, reverse=True)
    lengths = f"{len(sequences)} real passages of {len(ordered[-1])} to {len(ordered[0])} tokens"
    for how, groups in (("unsorted", batches(sequences)), ("sorted by length", batches(ordered))):
        times = encoders.times([encoders.OURS_F32, encoders.OURS, *onnx], sequences, groups, 1)
        what = f"{lengths}, against padded f32 batches of {BATCH}, {how}"
        table.ratio(f"{what}, ours in f32", encoders.OURS_F32, onnx, times, DEMANDS["mixed"])
        table.ratio(f"{what}, our default", encoders.OURS, onnx, times, DEMANDS["mixed"])


def starter(encoders: Encoders, table) -> None:
    ground, texts = encoders.ground, spread(encoders.texts, STARTER)
    ours = encoders.processes[encoders.OURS]
    tokens = sum(map(len, ours.ask("ids", texts=texts)["ids"]))
    requests = {encoders.OURS: (ours, "encode", {"texts": texts})}
    peer = None
    if ground.has("sentence_transformers"):
        path = ground.models / "f32"
        peer = ground.peer("sentence-transformers", "peer_encode.py", "sentence-transformers", path, ground.threads)
        requests[peer.name] = (peer, "encode", {"texts": texts})
    else:
        table.note("**SKIPPED**: sentence-transformers is not in the virtual environment.")
    times = encoders.stage.interleaved(max(3, ground.rounds // 2), requests)
    speed = {name: tokens / median(values) * 1e3 for name, values in times.items()}
    others = ", ".join(f"{name} {value:,.0f}" for name, value in speed.items() if name != encoders.OURS)
    what = f"starter passages, tokens a second, tokenizing included ({len(texts)} passages)"
    own = speed[encoders.OURS]
    table.value(what, f"{own:,.0f}", own, DEMANDS["starter"], "", True, others)
    table.raw[what] = times
    if peer is not None:
        encoders.stage.drop(peer)
