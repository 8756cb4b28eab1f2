"""Pictures and frames of the screen for the README, made from what a terminal holds.

    python3 crates/tui/pictures.py target/release/clinqa [--index FOLDER] ...

Everything behind the binary is handed to `clinqa`. tmux (3.2 or later) runs it at 80 x 24; its cells, with their colours,
become one SVG a picture in `crates/tui/pictures/`. Dark and light are the two grounds that the palette is made for;
monochrome is what NO_COLOR gives. The blocks of "A newcomer's path" in the README are written anew, one a step: the
screen as text, the clipboard, the file that was exported.
"""

import html
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

COLUMNS, ROWS = 80, 24
WIDE, HIGH, MARGIN = 8.4, 18, 10
FOLDER = pathlib.Path(__file__).parent / "pictures"

# What each picture shows: its ground, its environment, and the keys that lead there. A text in angle brackets is typed,
# one in square brackets is waited for.
PICTURES = {
    "dark": (
        {"COLORTERM": "truecolor"},
        ("#14171a", "#d8dee4"),
        "<upper gastrointestinal bleeding transfusion threshold> [meaning] Enter [confidence]",
    ),
    "light": (
        {"COLORTERM": "truecolor"},
        ("#ffffff", "#1c2024"),
        "<sepsis in adults antibiotics> [meaning] Enter [confidence] Tab o [contents]",
    ),
    "monochrome": (
        {"NO_COLOR": "1"},
        ("#ffffff", "#000000"),
        "<chest pain> [meaning] Escape f [Filters] <2023> Tab Enter",
    ),
}

# The newcomer's path: the keys of each step, and what its block in the README holds.
PATH = [
    ("<upper gastrointestinal bleeding transfusion threshold> [meaning] [confidence] [haemoglobin of 70 g/L]", "screen"),
    ("Enter [y copy] y [copied]", "screen"),
    ("", "clipboard"),
    ("f [Filters] <2023> Tab j Enter [Lift all]", "screen"),
    ("f [Passages] p j p j p [3 on the worklist]", "screen"),
    ("e [Write] Enter [written to]", "screen"),
    ("", "file"),
]

SIXTEEN = ["#000000", "#b00020", "#1e8434", "#a86c00", "#3050b0", "#965abe", "#008080", "#c0c0c0"]


class Tmux:
    def __init__(self, command, environment):
        self.home = tempfile.TemporaryDirectory()
        self.base = ["tmux", "-u", "-f", "/dev/null", "-S", f"{self.home.name}/socket"]
        said = " ".join(f"{name}={value}" for name, value in environment.items())
        line = f"env -u NO_COLOR -u COLORTERM LANG=C.UTF-8 {said} {shlex.join(command)}"
        self.run("new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), line)
        # What a program copies with OSC 52 becomes a buffer of tmux.
        self.run("set-option", "-g", "set-clipboard", "on")

    def run(self, *args):
        return subprocess.run([*self.base, *args], capture_output=True, text=True, check=True).stdout

    def screen(self):
        return self.run("capture-pane", "-p", "-e")

    def shows(self, what):
        """The screen without its looks, the clipboard, or the file that was written last."""
        if what == "clipboard":
            return self.run("show-buffer")
        screen = self.run("capture-pane", "-p")
        if what == "screen":
            return "\n".join(line.rstrip() for line in screen.split("\n"))
        written = pathlib.Path(re.search(r"written to (\S+)", screen)[1])
        text = written.read_text()
        written.unlink()
        return text

    def wait(self, text):
        for _ in range(600):
            if text in re.sub(r"\x1b\[[0-9;:]*m", "", self.screen()):
                return
            time.sleep(0.05)
        raise SystemExit(f"`{text}` never came:\n{self.screen()}")

    def press(self, keys):
        for typed, wanted, key in re.findall(r"<([^>]*)>|\[([^\]]*)\]|(\S+)", keys):
            if typed:
                self.run("send-keys", "-l", typed)
            elif wanted:
                self.wait(wanted)
            else:
                self.run("send-keys", key)
                # What follows an escape at once is taken for one key with Alt.
                time.sleep(0.15)
        time.sleep(0.8)
        return self.screen()

    def close(self):
        subprocess.run([*self.base, "kill-server"], capture_output=True, check=False)


def cells(captured):
    """Each line as runs of (text, style); a style is foreground, background and a set of words."""
    style = {"fg": None, "bg": None, "words": frozenset()}
    for line in captured.split("\n")[:ROWS]:
        runs = []
        for codes, text in re.findall(r"\x1b\[([0-9;:]*)m|([^\x1b]+)", line):
            if text:
                runs.append((text, dict(style)))
            else:
                apply(style, [int(code or 0) for code in codes.replace(":", ";").split(";")])
        yield runs


def apply(style, codes):
    words = {1: "bold", 2: "dim", 4: "underlined", 7: "reversed"}
    ends = {22: {"bold", "dim"}, 24: {"underlined"}, 27: {"reversed"}}
    while codes:
        code = codes.pop(0)
        if code == 0:
            style.update(fg=None, bg=None, words=frozenset())
        elif code in words:
            style["words"] |= {words[code]}
        elif code in ends:
            style["words"] -= ends[code]
        elif code in (38, 48) and codes[:1] == [2]:
            red, green, blue = codes[1:4]
            del codes[:4]
            style["fg" if code == 38 else "bg"] = f"#{red:02x}{green:02x}{blue:02x}"
        elif code in (38, 48):
            del codes[:2]
        elif 30 <= code <= 37 or 40 <= code <= 47:
            style["fg" if code < 40 else "bg"] = SIXTEEN[code % 10]
        elif code in (39, 49):
            style["fg" if code == 39 else "bg"] = None


def picture(captured, ground, ink):
    wide, high = COLUMNS * WIDE + 2 * MARGIN, ROWS * HIGH + 2 * MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="{ink}">',
        f'<rect width="{wide:g}" height="{high:g}" rx="6" fill="{ground}"/>',
    ]
    for row, runs in enumerate(cells(captured)):
        column = 0
        for text, style in runs:
            x, y, columns = MARGIN + column * WIDE, MARGIN + row * HIGH, len(text)
            column += columns
            fg, bg = style["fg"] or ink, style["bg"]
            if "reversed" in style["words"]:
                fg, bg = bg or ground, fg
            if bg:
                out.append(f'<rect x="{x:g}" y="{y:g}" width="{columns * WIDE:g}" height="{HIGH}" fill="{bg}"/>')
            stripped = text.strip()
            if not stripped:
                continue
            lead = len(text) - len(text.lstrip())
            look = f' fill="{fg}"' if fg != ink else ""
            look += ' font-weight="bold"' if "bold" in style["words"] else ""
            look += ' opacity="0.6"' if "dim" in style["words"] else ""
            look += ' text-decoration="underline"' if "underlined" in style["words"] else ""
            at = f'x="{x + lead * WIDE:g}" y="{y + 13:g}" textLength="{len(stripped) * WIDE:g}"'
            out.append(f'<text xml:space="preserve" {at}{look}>{html.escape(stripped)}</text>')
    return "\n".join([*out, "</svg>", ""])


def newcomer(command):
    """Walks the path and writes its blocks into the README."""
    tmux = Tmux(command, {"NO_COLOR": "1"})
    try:
        tmux.wait("type a question")
        blocks = []
        for keys, what in PATH:
            tmux.press(keys)
            blocks.append(tmux.shows(what).rstrip("\n"))
    finally:
        tmux.close()
    readme = pathlib.Path(__file__).parent / "README.md"
    before, heading, rest = readme.read_text().partition("## A newcomer's path")
    path, next_heading, after = rest.partition("\n## ")
    fenced = re.compile(r"(```(?:text|markdown)\n).*?(\n```)", re.S)
    if len(fenced.findall(path)) != len(blocks):
        raise SystemExit(f"{readme} has other blocks than the path has steps")
    path = fenced.sub(lambda found: found[1] + blocks.pop(0) + found[2], path)
    readme.write_text(before + heading + path + next_heading + after)


def main():
    command = [str(pathlib.Path(sys.argv[1]).resolve()), *sys.argv[2:], "tui"]
    FOLDER.mkdir(exist_ok=True)
    for name, (environment, (ground, ink), keys) in PICTURES.items():
        tmux = Tmux(command, environment)
        try:
            tmux.wait("type a question")
            captured = tmux.press(keys)
        finally:
            tmux.close()
        (FOLDER / f"{name}.svg").write_text(picture(captured, ground, ink))
    newcomer(command)


if __name__ == "__main__":
    main()
