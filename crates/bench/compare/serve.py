"""The other end of `processes.py`: one request a line, one answer a line, as `clinqa-bench worker` speaks it."""

import json
import sys
import time
import traceback


def serve(verbs: dict) -> None:
    """Answers each line by the function that its `do` names, until there is none left."""
    # Libraries print what they please; only answers may reach the pipe.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = verbs[request.pop("do")](**request)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def repeated(repeat: int, work):
    """The milliseconds of each repetition, and what the last one gave."""
    times = []
    for _ in range(max(1, repeat)):
        start = time.perf_counter()
        value = work()
        times.append((time.perf_counter() - start) * 1e3)
    return times, value
