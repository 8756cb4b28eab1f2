"""The row about dense search. Needs nothing but Python; the peers have processes of their own."""

import json

from processes import Failed, say
from table import median

DEMAND = (0.9, 1.2)
RECALL, DEPTH = 0.99, 10
M, EF_CONSTRUCTION = 16, 150

# Candidates held while searching; the first that reaches the recall is the one that is timed.
WIDTHS = [10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1_024, 2_048]

OURS = "ours"
PEERS = {"hnswlib": "hnswlib", "usearch": "usearch-f32", "usearch, signed bytes": "usearch-i8"}


def run(ground, table) -> None:
    what = f"dense search, recall@{DEPTH} ≥ {RECALL}, one thread"
    if ground.vectors is None:
        table.skipped(what, "no vectors; pass `--vectors FILE.npy` (rows of f32)")
        return
    folder = ground.work / "dense"
    folder.mkdir(parents=True, exist_ok=True)
    exact = ground.peer("exact", "peer_search.py", "exact")
    split = exact.ask("split", vectors=str(ground.vectors), queries=ground.queries, folder=str(folder))
    size = {"dimension": split["dimension"]}
    base, queries = str(folder / "base.f32"), str(folder / "queries.f32")
    exact.ask("open", index=base, **size)
    truth = [set(found) for found in exact.ask("search", queries=queries, depth=DEPTH, **size)["found"]]
    ground.stage.drop(exact)

    searchers = {OURS: Ours(ground, folder)}
    for name, kind in PEERS.items():
        if ground.has(kind.split("-")[0]):
            searchers[name] = Peer(ground, folder, name, kind)
        else:
            table.note(f"**SKIPPED**: {name} is not in the virtual environment.")
    lines = {}
    for name, searcher in list(searchers.items()):
        lines[name] = searcher.prepare(base, size)
        width = narrowest(searcher, queries, size, truth)
        if width is None:
            table.note(f"{name} does not reach recall@{DEPTH} {RECALL} on these vectors at any width that was tried.")
            searcher.close()
            del searchers[name]
        else:
            lines[name] |= width | searcher.weight(split["vectors"])
            say(f"{name}: {json.dumps(lines[name])}")
    report(ground, table, f"{what}, {split['vectors']:,} vectors", searchers, lines, (queries, size, split["queries"]))
    for searcher in searchers.values():
        searcher.close()


def report(ground, table, what: str, searchers: dict, lines: dict, asked: tuple) -> None:
    queries, size, count = asked
    requests = {}
    for name, searcher in searchers.items():
        searcher.width(lines[name]["ef"])
        arguments = {"queries": queries, "depth": DEPTH, "repeat": 3, **searcher.more, **size}
        requests[name] = (searcher.process, "search", arguments)
    times = ground.stage.interleaved(ground.rounds, requests)
    table.raw[what] = {"times": times, "lines": lines}
    others = [name for name in times if name != OURS]
    for name in times:
        lines[name]["queries a second"] = count / median(times[name]) * 1e3
    if OURS not in times or not others:
        table.skipped(what, "ours or every peer is missing or does not reach the recall")
    else:
        # The demand is about hnswlib; the others are reported beside it.
        against = ["hnswlib"] if "hnswlib" in others else others
        table.ratio(f"{what} ({count:,} queries)", OURS, against, times, DEMAND)
    shown = lambda name: (
        f"{lines[name]['queries a second']:,.0f} queries/s at ef {lines[name]['ef']} (recall {lines[name]['recall']:.4f}), "
        f"built in {lines[name]['build']:.0f} s, {lines[name]['resident']:,.0f} bytes a vector resident, "
        f"{lines[name]['file']:,.0f} on disk"
    )
    own = shown(OURS) if OURS in times else ""
    table.report(f"… in figures, m = {M}, ef_construction = {EF_CONSTRUCTION}", own,
                 "; ".join(f"{name}: {shown(name)}" for name in others))


def narrowest(searcher, queries: str, size: dict, truth: list):
    for ef in WIDTHS:
        searcher.width(ef)
        found = searcher.process.ask("search", queries=queries, depth=DEPTH, **searcher.more, **size)["found"]
        hits = sum(len(right.intersection(mine[:DEPTH])) for right, mine in zip(truth, found))
        recall = hits / DEPTH / len(truth)
        if recall >= RECALL:
            return {"ef": ef, "recall": recall}
    return None


class Searcher:
    """One process that builds, and a fresh one that opens and searches: what it then holds is the index alone."""

    def __init__(self, ground, folder, name: str):
        self.ground, self.folder, self.name = ground, folder, name
        self.more = {}
        self.process = None

    def weight(self, vectors: int) -> dict:
        return {"resident": (self.process.resident() - self.empty) / vectors, "file": self.bytes / vectors}

    def close(self) -> None:
        if self.process is not None:
            self.ground.stage.drop(self.process)
            self.process = None


class Ours(Searcher):
    def __init__(self, ground, folder):
        super().__init__(ground, folder, OURS)
        self.index = folder / "ours"
        self.open = None

    def prepare(self, base: str, size: dict) -> dict:
        builder = self.ground.worker(OURS, self.ground.threads)
        built = builder.ask("build", vectors=base, index=str(self.index), m=M, ef_construction=EF_CONSTRUCTION, **size)
        self.ground.stage.drop(builder)
        self.process = self.ground.worker(OURS, 1)
        self.empty = self.process.resident()
        return {"build": built["ms"] / 1e3}

    def width(self, ef: int) -> None:
        # How widely to search is written in the index: it is opened again.
        if self.open != ef:
            self.bytes = self.process.ask("open", index=str(self.index), ef=ef)["bytes"]
            self.open = ef


class Peer(Searcher):
    def __init__(self, ground, folder, name: str, kind: str):
        super().__init__(ground, folder, name)
        self.kind, self.index = kind, folder / kind

    def prepare(self, base: str, size: dict) -> dict:
        make = lambda: self.ground.peer(self.name, "peer_search.py", self.kind)
        builder = make()
        built = builder.ask("build", vectors=base, index=str(self.index), m=M, ef_construction=EF_CONSTRUCTION,
                            threads=self.ground.threads, **size)
        self.ground.stage.drop(builder)
        self.process = make()
        # The libraries are loaded before the index is, so that they do not count as part of it.
        try:
            self.process.ask("open", index=str(self.folder / "nothing"), **size)
        except Failed:
            pass
        self.empty = self.process.resident()
        self.bytes = self.process.ask("open", index=str(self.index), **size)["bytes"]
        return {"build": built["ms"] / 1e3}

    def width(self, ef: int) -> None:
        self.more = {"ef": ef}
