"""How was senses.txt made? Which words in the names of diseases, medicines and tests are no words of medicine by themselves?

    python senses.py senses.txt

Those that four authors used of other things than health (crates/safety/tests/data/safety/elsewhere-*.txt) at least a quarter as
often as people who ask about health: the questions that reader and encoder learned from, and those on one's own case.
"""

import collections
import json
import re
import sys
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
SETS = HERE.parents[1] / "safety" / "tests" / "data" / "safety"
AUTHORS, LEAST_LETTERS, OFTENER, WIDTH = 4, 4, 4, 118


def lines(path):
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def words_of(*files):
    return {word for file in files for line in lines(HERE / file) for word in line.split()}


def uses(texts):
    """In what share of the texts each word stands."""
    count = collections.Counter(word for text in texts for word in set(re.findall("[a-z]+", text.lower())))
    return collections.defaultdict(float, {word: uses / len(texts) for word, uses in count.items()})


def main(out):
    names, everyday = words_of("things.txt", "diseases.txt"), words_of("english.txt", "stopwords.txt")
    elsewhere = uses([line for at in range(1, AUTHORS + 1) for line in lines(SETS / f"elsewhere-{at}.txt")])
    asked = [json.loads(line)["question"] for line in lines(HERE.parents[1] / "train" / "starter-questions.jsonl")]
    own = [line.split("\t", 1)[-1] for path in SETS.glob("own-[0-9]*.tsv") for line in lines(path)]
    health = uses(asked + own)
    is_of_a_name = lambda word: any(word.endswith(end) and word[: len(word) - len(end)] in names for end in ("", "s", "es"))
    is_meant = lambda word: len(word) >= LEAST_LETTERS and word not in everyday and is_of_a_name(word)
    found = sorted(word for word, share in elsewhere.items() if is_meant(word) and health[word] < OFTENER * share)
    head = ("# Words in the names of diseases, medicines, tests and procedures that are no words of medicine by themselves;\n"
            "# made by senses.py, which says how.\n")
    Path(out).write_text(head + "\n".join(textwrap.wrap(" ".join(found), WIDTH)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
