"""A peer that searches vectors: `python peer_search.py exact|hnswlib|usearch-f32|usearch-i8`.

    {"do": "split", "vectors": file.npy, "queries": n, "folder": folder}     exact only: base.f32 and queries.f32
    {"do": "build", "vectors": file, "dimension": d, "index": file, "m": m, "ef_construction": e, "threads": n}
    {"do": "open", "index": file, "dimension": d}
    {"do": "search", "queries": file, "dimension": d, "depth": k, "ef": e, "repeat": n}   one thread

Files of vectors are rows of little-endian f32 of length 1.
"""

import os
import pathlib
import sys

import numpy

from serve import repeated, serve

KIND = sys.argv[1]

# Rows that are compared at once in an exact search: what they need fits beside everything else.
AT_ONCE = 256


def read(path: str, dimension: int) -> numpy.ndarray:
    return numpy.fromfile(path, dtype="<f4").reshape(-1, dimension)


class Exact:
    """Compares everything: what the others are judged by."""

    def split(self, vectors: str, queries: int, folder: str) -> dict:
        """Takes queries out of the vectors, evenly, so that no query is its own answer."""
        rows = numpy.load(vectors, mmap_mode="r")
        held_out = numpy.linspace(0, len(rows) - 1, queries).round().astype(int)
        kept = numpy.ones(len(rows), bool)
        kept[held_out] = False
        for name, part in (("base", rows[kept]), ("queries", rows[held_out])):
            part = numpy.asarray(part, dtype="<f4")
            part = part / numpy.linalg.norm(part, axis=1, keepdims=True)
            part.astype("<f4").tofile(pathlib.Path(folder) / f"{name}.f32")
        return {"vectors": int(kept.sum()), "queries": int(queries), "dimension": int(rows.shape[1])}

    def open(self, index: str, dimension: int) -> dict:
        self.base = read(index, dimension)
        return {"bytes": self.base.nbytes}

    def search(self, queries: str, dimension: int, depth: int) -> dict:
        found = []
        for rows in numpy.array_split(read(queries, dimension), max(1, os.path.getsize(queries) // 4 // dimension // AT_ONCE)):
            scores = rows @ self.base.T
            best = numpy.argpartition(-scores, depth, axis=1)[:, :depth]
            found.extend(best.tolist())
        return {"found": found}


class Hnswlib:
    def build(self, vectors: str, dimension: int, index: str, m: int, ef_construction: int, threads: int) -> dict:
        import hnswlib

        rows = read(vectors, dimension)

        def make():
            graph = hnswlib.Index(space="ip", dim=dimension)
            graph.init_index(max_elements=len(rows), M=m, ef_construction=ef_construction, random_seed=1)
            graph.add_items(rows, num_threads=threads)
            return graph

        times, graph = repeated(1, make)
        graph.save_index(index)
        return {"ms": times[0]}

    def open(self, index: str, dimension: int) -> dict:
        import hnswlib

        self.graph = hnswlib.Index(space="ip", dim=dimension)
        self.graph.load_index(index)
        self.graph.set_num_threads(1)
        return {"bytes": os.path.getsize(index)}

    def search(self, queries: str, dimension: int, depth: int, ef: int, repeat: int = 1) -> dict:
        rows = read(queries, dimension)
        self.graph.set_ef(ef)
        times, (labels, _) = repeated(repeat, lambda: self.graph.knn_query(rows, k=depth, num_threads=1))
        return {"ms": times, "found": labels.tolist()}


class Usearch:
    def __init__(self, kind: str):
        self.kind = kind

    def graph_of(self, dimension: int, m: int = 16, ef_construction: int = 128):
        from usearch.index import Index

        # Scaled to signed bytes, only the cosine keeps its meaning.
        metric = "ip" if self.kind == "f32" else "cos"
        return Index(ndim=dimension, metric=metric, dtype=self.kind, connectivity=m, expansion_add=ef_construction)

    def build(self, vectors: str, dimension: int, index: str, m: int, ef_construction: int, threads: int) -> dict:
        rows = read(vectors, dimension)

        def make():
            graph = self.graph_of(dimension, m, ef_construction)
            graph.add(numpy.arange(len(rows)), rows, threads=threads)
            return graph

        times, graph = repeated(1, make)
        graph.save(index)
        return {"ms": times[0]}

    def open(self, index: str, dimension: int) -> dict:
        self.graph = self.graph_of(dimension)
        self.graph.load(index)
        return {"bytes": os.path.getsize(index)}

    def search(self, queries: str, dimension: int, depth: int, ef: int, repeat: int = 1) -> dict:
        rows = read(queries, dimension)
        self.graph.expansion_search = ef
        times, found = repeated(repeat, lambda: self.graph.search(rows, depth, threads=1))
        return {"ms": times, "found": found.keys.tolist()}


def main() -> None:
    peer = Exact() if KIND == "exact" else Hnswlib() if KIND == "hnswlib" else Usearch(KIND.split("-")[1])
    serve({verb: getattr(peer, verb) for verb in ("split", "build", "open", "search") if hasattr(peer, verb)})


if __name__ == "__main__":
    main()
