#!/usr/bin/env python3
"""Is clinqa as fast as the others? One command, from the root of the repository:

    python3 crates/bench/compare/compare.py [--only machine,encode,ask,dense] [--vectors FILE.npy]

Starts with nothing but Python 3.9: builds ours, makes a virtual environment under the target folder, installs the peers
there with pip, makes ONNX files from our own checkpoint, runs the same work through all of them, interleaved, and prints
the table of the README. Everything it makes lies in `compare/` of the target folder and may be deleted.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import venv

import rows_ask
import rows_dense
import rows_encode
import rows_machine
from processes import Failed, Process, Stage, say
from table import Table

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]

PACKAGES = ["numpy", "safetensors", "onnx", "onnxruntime", "torch", "transformers"]
# Without these their lines are skipped, loudly.
OPTIONAL = ["onnxscript", "sentence-transformers", "hnswlib", "usearch"]

ROWS = {"machine": rows_machine, "encode": rows_encode, "ask": rows_ask, "dense": rows_dense}
NEEDS_MODELS = {"encode"}
NEEDS_PEERS = {"machine", "encode", "dense"}


class Ground:
    """Where everything lies, and how processes are started."""

    def __init__(self, options):
        self.threads, self.rounds = options.threads, options.rounds
        self.vectors = options.vectors and options.vectors.resolve()
        self.queries = options.queries
        self.corpus = ROOT / "corpora" / "starter"
        target = pathlib.Path(cargo("metadata", "--format-version", "1", "--no-deps", read=True)["target_directory"])
        self.work = target / "compare"
        self.models, self.index, self.logs = self.work / "models", self.work / "starter-index", self.work / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        profile = "debug" if options.profile == "dev" else options.profile
        self.clinqa, self.bench = target / profile / "clinqa", target / profile / "clinqa-bench"
        self.venv = (options.venv or self.work / "venv").resolve()
        self.python = self.venv / ("Scripts" if os.name == "nt" else "bin") / "python"
        self.stage = Stage()
        self.facts = {}

    def has(self, module: str) -> bool:
        script = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        return subprocess.run([self.python, "-c", script]).returncode == 0

    def worker(self, name: str, threads: int) -> Process:
        return self.start(name, [self.bench, "worker", "--threads", threads])

    def peer(self, name: str, script: str, *arguments) -> Process:
        return self.start(name, [self.python, HERE / script, *arguments])

    def start(self, name: str, command: list) -> Process:
        return self.stage.add(Process(name, command, self.logs / f"{name.replace(' ', '-').replace(',', '')}.log"))


def cargo(*arguments, read: bool = False):
    found = subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE if read else sys.stderr)
    return json.loads(found.stdout) if read else None


def install(ground: Ground, given: bool) -> None:
    """The virtual environment; one that was given is used as it is."""
    if given:
        return
    if not ground.python.exists():
        say(f"making {ground.venv}")
        venv.create(ground.venv, with_pip=True)
    pip = [ground.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    say("installing the peers (several gigabytes the first time)")
    subprocess.run([*pip, *PACKAGES], check=True, stdout=sys.stderr)
    for package in OPTIONAL:
        # Some are built from source and need a compiler.
        if subprocess.run([*pip, package], stdout=sys.stderr).returncode != 0:
            say(f"{package} cannot be installed here; its lines will be SKIPPED")


def export(ground: Ground) -> None:
    checkpoint = ROOT / "crates" / "weights" / "clinqa-mini-encoder"
    command = [ground.python, HERE / "export.py", checkpoint, ground.models]
    log = ground.logs / "export.log"
    with log.open("w") as errors:
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors)
    if found.returncode != 0:
        raise Failed(f"no ONNX files could be made; see {log}")
    fused = {name: count for name, count in json.loads(found.stdout.splitlines()[-1])["fused"].items() if count}
    ground.facts["fused"] = fused


def versions(ground: Ground) -> str:
    modules = ["torch", "transformers", "onnxruntime", "sentence-transformers", "hnswlib", "usearch"]
    script = (
        "import importlib.metadata as m, sys\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(name, m.version(name))\n"
        "    except m.PackageNotFoundError: pass\n"
    )
    found = subprocess.run([ground.python, "-c", script, *modules], stdout=subprocess.PIPE, text=True)
    return ", ".join(found.stdout.split("\n")).strip(", ")


def processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
        flags = next(line.split() for line in lines if line.startswith("flags"))
        wide = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if flag in flags]
        return f"{name}, {os.cpu_count()} cores, {', '.join(wide)}"
    except (OSError, StopIteration):
        return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(ROWS), help="rows, separated by commas: " + ", ".join(ROWS))
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each row (default 9)")
    parser.add_argument("--threads", type=int, default=2, help="threads of everybody (default 2)")
    parser.add_argument("--vectors", type=pathlib.Path, help="rows of f32 as NumPy saves them, for the row `dense`")
    parser.add_argument("--queries", type=int, default=1_000, help="vectors held out of them as queries (default 1,000)")
    parser.add_argument("--venv", type=pathlib.Path, help="a virtual environment that holds the peers already")
    parser.add_argument("--profile", default="release", choices=["release", "dev"])
    parser.add_argument("--no-build", action="store_true", help="ours was built before")
    parser.add_argument("--json", type=pathlib.Path, help="write every time that was taken to this file")
    options = parser.parse_args()
    options.only = [row.strip() for row in options.only.split(",") if row.strip()]
    strangers = [row for row in options.only if row not in ROWS]
    if strangers or options.rounds < 1 or options.threads < 1 or options.queries < 1:
        parser.error(f"no such row: {', '.join(strangers)}" if strangers else "rounds, threads, queries: at least 1")
    return options


def main() -> int:
    options = arguments()
    ground = Ground(options)
    if not options.no_build:
        say("building ours")
        cargo("build", "--profile", options.profile, "-p", "clinqa", "-p", "clinqa-bench")
    table = Table()
    wanted = set(options.only)
    failed = False
    if wanted & NEEDS_PEERS:
        install(ground, options.venv is not None)
        table.note(f"{versions(ground)}; {options.threads} threads each.")
    table.note(f"{processor()}; {platform.system()} {platform.machine()}; load before: {os.getloadavg()[0]:.2f}.")
    try:
        if wanted & NEEDS_MODELS:
            say("making the peers' models from our checkpoint")
            export(ground)
            fused = ", ".join(f"{name} × {count}" for name, count in ground.facts["fused"].items())
            table.note(f"onnxruntime's optimiser for transformers fused: {fused}.")
        for name in options.only:
            say(f"row {name}")
            try:
                ROWS[name].run(ground, table)
            except (Failed, RuntimeError) as error:
                # The other rows may still be had.
                failed = True
                say(f"row {name}: {error}")
                table.skipped(name, str(error).split(" (more in")[0])
    finally:
        ground.stage.close()
    table.note(ground.stage.account())
    print(table.markdown())
    if options.json:
        options.json.write_text(json.dumps(table.raw, indent=1))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
