"""How was diseases.txt made? The labels of the Disease Ontology (CC0), those that people may type.

    python diseases.py ../shared/data/lexicons/HumanDO.tsv OUT      (from the root of the repository)

Left out: labels of more than four words, with digits or marks in them, whose words are all everyday English ("drug
allergy"), of one gene or type among many, and those that things.txt has.
"""

import csv
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MANY = re.compile(r"\b(type|autosomal|linked|deficiency|susceptibility|related|familial|primary|obsolete|cell|benign|"
                  r"neoplasm|neoplasms|carcinoma in situ|system|organ|tract)\b")


def lines(path):
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def name_of(text):
    """As clinqa_index::name_of has it."""
    text = re.sub(r"'s\b", "", text.lower()).replace("'", "")
    words = [w for w in re.findall(r"[a-z0-9]+", text) if len(w) <= 2 or not w.isdigit()]
    return " ".join(w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w for w in words)


def main(source, out):
    english = {word for line in lines(HERE / "english.txt") + lines(HERE / "stopwords.txt") for word in line.split()}
    known, kept = set(lines(HERE / "things.txt")), set()
    for row in csv.DictReader(source.open(encoding="utf-8"), delimiter="\t"):
        label = row["label"].lower()
        is_plain = re.fullmatch(r"[a-z' -]+", label) and not MANY.search(label)
        name = name_of(label)
        says_more = any(word not in english for word in re.findall(r"[a-z]+", label))
        if is_plain and says_more and len(name.split()) <= 4 and len(name) >= 4 and name not in known:
            kept.add(name)
    head = "# Names of diseases, in the form of clinqa_index::name_of: labels of the Disease Ontology (CC0); see diseases.py.\n"
    out.write_text(head + "\n".join(sorted(kept)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
