"""Who is timed, and does everybody else keep still meanwhile? Needs nothing but Python."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

# Thread pools spin for some milliseconds after their work; the next one is timed when they have stopped.
SETTLE_SECONDS = 0.05

TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A process answered with an error, or ended."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ticks_of(pid: int) -> int:
    """Processor time of a process, its threads included."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    except (OSError, IndexError):
        return 0


def ticks_of_all() -> int:
    """Processor time of the whole machine that was not idle."""
    try:
        fields = list(map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
        return sum(fields) - fields[3] - fields[4]
    except (OSError, ValueError):
        return 0


class Process:
    """A process that answers JSON Lines and waits at its standard input in between."""

    def __init__(self, name: str, command: list, log: pathlib.Path):
        self.name = name
        self.log = log
        # Progress bars and warnings of libraries belong in a file of their own.
        self.child = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
        )

    def ask(self, do: str, **request) -> dict:
        try:
            self.child.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except OSError:
            line = ""
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            raise Failed(f"{self.name}: {do}: {answer['error']} (more in {self.log})")
        return answer

    def resident(self) -> int:
        """Bytes held now."""
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def close(self) -> None:
        self.child.stdin.close()
        try:
            self.child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Stage:
    """All processes of a comparison; one at a time works."""

    def __init__(self):
        self.processes = []
        self.wall = self.others = self.foreign = 0.0

    def add(self, process: Process) -> Process:
        self.processes.append(process)
        return process

    def drop(self, process: Process) -> None:
        process.close()
        self.processes.remove(process)

    def timed(self, process: Process, do: str, **request) -> dict:
        """Asks, and keeps account of who else used the processors while `process` worked."""
        if len(self.processes) > 1:
            time.sleep(SETTLE_SECONDS)
        before = {each.name: ticks_of(each.child.pid) for each in self.processes}
        all_before, start = ticks_of_all(), time.perf_counter()
        answer = process.ask(do, **request)
        wall, all_after = time.perf_counter() - start, ticks_of_all()
        used = {each.name: (ticks_of(each.child.pid) - before[each.name]) / TICK for each in self.processes}
        self.others += sum(seconds for name, seconds in used.items() if name != process.name)
        self.keep_account(wall, (all_after - all_before) / TICK, sum(used.values()))
        return answer

    def keep_account(self, wall: float, of_all: float, of_us: float) -> None:
        """Seconds: what passed, what all programs used of the processors, and what those of the comparison used."""
        self.wall += wall
        # Ticks are coarse: a difference may come out below nothing, and is made good by the next.
        self.foreign += of_all - of_us

    def interleaved(self, rounds: int, requests: dict) -> dict:
        """Milliseconds of each: one median a round. `requests` is name -> (process, verb, arguments); the order turns
        with the round, so that nobody always follows the same one."""
        times = {name: [] for name in requests}
        names = list(requests)
        for round_number in range(rounds + 1):
            turn = round_number % len(names)
            for name in names[turn:] + names[:turn]:
                process, do, arguments = requests[name]
                answer = self.timed(process, do, **arguments)
                # The first round warms caches and pools.
                if round_number > 0:
                    times[name].append(statistics.median(answer["ms"]))
        return times

    def account(self) -> str:
        """Whether the figures can be believed."""
        if self.wall == 0:
            return ""
        idle, foreign = self.others / self.wall, max(0.0, self.foreign / self.wall)
        loud = " **Noisy: measure again on a quiet machine.**" if idle > 0.05 or foreign > 0.1 else ""
        return (
            f"While one was timed, the waiting ones used {idle:.1%} of a core, and programs that do not belong to the "
            f"comparison {foreign:.1%}.{loud}"
        )

    def close(self) -> None:
        for process in self.processes:
            process.close()
        self.processes = []
