"""Rows about answering: warm, from the start of the process, and how much memory it takes. Needs nothing but Python."""

import json
import os
import subprocess
import tempfile
import time

from processes import TICK, say, ticks_of_all
from table import median, milliseconds, percentile

DEMANDS = {"median": (150, 60), "p95": (250, 120), "start": (300, 150), "memory": (300, 180)}

QUESTIONS, STARTS = 100, 20
# Asked before the clock runs.
WARM = 5
MEGABYTE = 1_000_000


def questions(ground) -> list:
    lines = (ground.corpus / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    # The dev half: the test half is for scores alone.
    return [entry for entry in map(json.loads, lines) if entry["split"] == "dev"]


def run(ground, table) -> None:
    worker = ground.worker("ours", ground.threads)
    try:
        say("opening the starter index; where there is none yet, a minute or two is spent on making it")
        opened = worker.ask("engine", corpus=str(ground.corpus), index=str(ground.index))
        table.note(f"The starter index holds {opened['passages']:,} passages.")
        warm(ground, worker, table)
    finally:
        ground.stage.drop(worker)
    started(ground, table)


def warm(ground, worker, table) -> None:
    asked = questions(ground)[:QUESTIONS]
    def ask(entry: dict) -> float:
        return ground.stage.timed(worker, "ask", question=entry["question"], history=entry.get("history", []))["ms"]

    for entry in asked[-WARM:]:
        ask(entry)
    rounds = max(1, ground.rounds // 3)
    say(f"asking {rounds} times {len(asked)} questions")
    times = [ask(entry) for _ in range(rounds) for entry in asked]
    table.raw["ask"] = times
    middle, slow = median(times), percentile(times, 0.95)
    what = f"`ask`, warm, starter index, {len(asked)} questions"
    table.value(f"{what}, median", milliseconds(middle), middle, DEMANDS["median"], " ms", False)
    table.value(f"{what}, 95th percentile", milliseconds(slow), slow, DEMANDS["p95"], " ms", False)


def started(ground, table) -> None:
    """Whole processes, one after the other, each with a question of its own; files are in the cache."""
    asked = [entry["question"] for entry in questions(ground) if not entry.get("history")][: STARTS + 1]
    times, peaks = [], []
    for question in asked:
        ms, peak = one(ground, question)
        times.append(ms)
        peaks.append(peak / MEGABYTE)
    # The first one fills the cache of files.
    times, peaks = times[1:], peaks[1:]
    table.raw["start"], table.raw["peak"] = times, peaks
    middle, most = median(times), max(peaks)
    shown = f"{milliseconds(middle)} (95th percentile {milliseconds(percentile(times, 0.95))})"
    what = f"process start to the end of the first answer, median of {len(times)}"
    table.value(what, shown, middle, DEMANDS["start"], " ms", False)
    table.value("memory of `ask`, peak resident", f"{most:,.0f} MB", most, DEMANDS["memory"], " MB", False)


def one(ground, question: str) -> tuple:
    """Milliseconds and peak bytes of one process that answers one question."""
    command = [ground.clinqa, "ask", question, "--json", "--index", ground.index]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLINQA_")}
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile() as answer:
        before, start = ticks_of_all(), time.perf_counter()
        # Where it stands must not matter: settings of a project would be read.
        child = subprocess.Popen(list(map(str, command)), cwd=empty, env=environment, stdout=answer)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        ground.stage.keep_account(wall, (ticks_of_all() - before) / TICK, usage.ru_utime + usage.ru_stime)
        child.returncode = os.waitstatus_to_exitcode(status)
        answer.seek(0)
        if child.returncode != 0 or "outcome" not in json.loads(answer.read() or b"{}"):
            raise RuntimeError(f"`clinqa ask` ended with {child.returncode}; run it by hand on {ground.index}")
    # Linux counts in KiB, macOS in bytes.
    return wall * 1e3, usage.ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)
