"""What stands in the Markdown table, and whether it was reached. Needs nothing but Python."""

import statistics


def median(times: list) -> float:
    return statistics.median(times)


def percentile(times: list, share: float) -> float:
    """The nearest rank: with 20 times the 95th percentile is the 19th."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def milliseconds(value: float) -> str:
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def verdict(value: float, least: float, aim: float, higher_is_better: bool) -> str:
    reached = (lambda wanted: value >= wanted) if higher_is_better else (lambda wanted: value <= wanted)
    return "aim reached" if reached(aim) else "reached" if reached(least) else "**missed**"


class Table:
    """Rows of the comparison, and what was skipped."""

    def __init__(self):
        self.rows = []
        self.notes = []
        self.raw = {}

    def ratio(self, what: str, ours: str, theirs: dict, times: dict, demand: tuple) -> None:
        """How many times as fast ours is as the best of `theirs`, all in one run; `theirs` is the names to choose from."""
        name = min(theirs, key=lambda name: median(times[name]))
        # Of one round each, so that what slowed a round down slowed both.
        value = median([peer / own for peer, own in zip(times[name], times[ours])])
        least, aim = demand
        self.raw[what] = times
        shown = f"{value:.2f} ×" if value < 10 else f"{value:.0f} ×"
        others = ", ".join(
            f"{other} {milliseconds(median(times[other]))}"
            for other in sorted(theirs, key=lambda other: median(times[other]))
        )
        self.row(what, milliseconds(median(times[ours])), others, shown, f"{least} ×", f"{aim} ×",
                 verdict(value, least, aim, True))

    def value(self, what: str, shown: str, value: float, demand: tuple, unit: str, higher_is_better: bool, others="") -> None:
        least, aim = demand
        self.row(what, shown, others, "", f"{least:,}{unit}", f"{aim:,}{unit}", verdict(value, least, aim, higher_is_better))

    def row(self, *cells: str) -> None:
        self.rows.append(cells)

    def report(self, what: str, ours: str, others: str) -> None:
        """A figure without a demand."""
        self.row(what, ours, others, "", "reported", "", "")

    def skipped(self, what: str, why: str) -> None:
        self.row(what, f"**SKIPPED**: {why}", "", "", "", "", "")

    def note(self, text: str) -> None:
        if text:
            self.notes.append(text)

    def markdown(self) -> str:
        head = ("what", "ours", "others, the best first", "ratio", "at least", "aim", "")
        lines = [" | ".join(cells) for cells in (head, ["---"] * len(head), *self.rows)]
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([*(f"| {line} |" for line in lines), "", *notes, ""])
