"""How fast is the screen? Start, key to frame, and key to results, measured from outside through a pty.

    python3 -m pip install pyte
    python3 crates/tui/measure.py target/release/clinqa [--index FOLDER] ...

Everything behind the binary is handed to `clinqa`. A frame ends where the program says so (synchronised updates); what
it shows is read with pyte, so that a result counts when it can be seen.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

import pyte

WORDS = ["blood pressure in pregnancy", "sepsis lactate threshold", "asthma attack in children", "warfarin and ibuprofen"]
END_OF_FRAME = b"\x1b[?2026l"
PRIVATE = [b"\x1b[?2026h", b"\x1b[?2026l", b"\x1b[?2004h", b"\x1b[?2004l"]
COLUMNS, ROWS = 80, 24


class Session:
    def __init__(self, command):
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        self.pending = b""
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LANG="C.UTF-8")
            # The window must have its size before the program asks for it.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execvp(command[0], command)

    def frames(self, patience):
        """Yields the time of each frame until none came for so many seconds."""
        last = time.perf_counter()
        while time.perf_counter() - last < patience:
            ready, _, _ = select.select([self.fd], [], [], 0.002)
            if not ready:
                continue
            now = time.perf_counter()
            self.pending += os.read(self.fd, 65536)
            while END_OF_FRAME in self.pending:
                frame, self.pending = self.pending.split(END_OF_FRAME, 1)
                for sequence in PRIVATE:
                    frame = frame.replace(sequence, b"")
                self.stream.feed(frame)
                last = now
                yield now

    def line(self, row):
        return self.screen.display[row]

    def press(self, key):
        sent = time.perf_counter()
        os.write(self.fd, key.encode())
        return sent


def told(name, times):
    times = sorted(times)
    if not times:
        return print(f"{name:<34} nothing was seen")
    middle = times[len(times) // 2]
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    print(f"{name:<34} n {len(times):>4}   median {middle:6.1f} ms   p99 {p99:6.1f} ms")


def main():
    command = [sys.argv[1], *sys.argv[2:], "tui"]
    starts = []
    for _ in range(10):
        session = Session(command)
        for at in session.frames(2.0):
            if "type a question" in session.line(0):
                starts.append((at - session.began) * 1e3)
                break
        session.press("\x03")
        os.waitpid(session.pid, 0)
        os.close(session.fd)
    told("start to first usable screen", starts)

    session = Session(command)
    for _ in session.frames(8.0):
        if "documents" in session.line(1) and "loading" not in session.line(1):
            break
    echo, changed, by_words, by_meaning = [], [], [], []
    for words in WORDS:
        for count, letter in enumerate(words, 1):
            shown = session.screen.display[2:-1]
            sent = session.press(letter)
            seen = {}
            for at in session.frames(0.5):
                if words[:count] in session.line(0):
                    seen.setdefault("echo", at)
                # The last change before an answer may come: this letter's results, whatever they were found by.
                if session.screen.display[2:-1] != shown and at - sent < 0.25:
                    shown = session.screen.display[2:-1]
                    seen["list"] = at
                if "found by words" in session.line(1) and "and meaning" not in session.line(1):
                    seen.setdefault("words", at)
                if "and meaning" in session.line(1) and "words" in seen:
                    seen.setdefault("meaning", at)
            for name, times in [("echo", echo), ("list", changed), ("words", by_words), ("meaning", by_meaning)]:
                if name in seen:
                    times.append((seen[name] - sent) * 1e3)
        session.press("\x15")
        for _ in session.frames(0.7):
            pass
    told("key press to its frame", echo)
    told("new letter to its whole list", changed)
    if by_meaning:
        # Without vectors the status line says the same before and after: only the list tells.
        told("new letter to results by words", by_words)
    told("new letter to results by meaning", by_meaning)

    session.press(WORDS[0] + "\r\t")
    for _ in session.frames(2.0):
        pass
    moves = []
    for at in range(200):
        sent = session.press("j" if at % 20 < 10 else "k")
        for seen in session.frames(0.3):
            moves.append((seen - sent) * 1e3)
            break
    told("moving in the list, key to frame", moves)
    session.press("\x03")
    os.waitpid(session.pid, 0)


if __name__ == "__main__":
    main()
