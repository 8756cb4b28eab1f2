#!/usr/bin/env bash
# Where does the off-the-shelf OpenAI client of the tests come from?
#
#   tests/openai/make_client.sh FOLDER
#
# Makes a Python environment in FOLDER that holds the `openai` package and what judges an OpenAPI document, all of them at
# pinned versions, fetched by an ordinary pip. The Python in use is PYTHON (python3). FOLDER/bin/python runs
# `check_client.py`. Exits 0 with FOLDER complete (at once if it was already), else non-zero.
set -euo pipefail

packages=(openai==3.57.0 openapi-spec-validator==0.9.0)
python="${PYTHON:-python3}"

if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
folder="$1"

is_complete() {
    [ -x "$folder/bin/python" ] && [ "$(cat "$folder/packages" 2>/dev/null)" = "${packages[*]}" ]
}

if is_complete; then
    echo "$folder already holds the client"
    exit 0
fi

"$python" -m venv --clear "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}"
echo "${packages[*]}" >"$folder/packages"
echo "$folder holds the client"
