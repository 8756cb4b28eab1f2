#!/usr/bin/env bash
# `run.sh MINUTES [TARGET...]`: every target, or those that are named, one after the other, each for so many minutes.
#
# It needs `cargo install cargo-fuzz --locked` and a nightly toolchain. What is built, what inputs grow from the seeds and
# what fails lie in `target/fuzz` of the repository; nothing in the tree is changed. Memory is bounded to 256 MB and each
# input to 10 seconds, as for the product: so the sanitizers, which multiply both, stay off unless SANITIZER=address asks
# for them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

minutes=${1:?how many minutes for each target?}
shift
fuzz=crates/corpus/fuzz
made="$PWD/target/fuzz"
sanitizer=${SANITIZER:-none}
memory=256
if [[ $sanitizer != none ]]; then memory=2048; fi
if [[ $# -eq 0 ]]; then mapfile -t targets < <(cargo +nightly fuzz list --fuzz-dir "$fuzz"); else targets=("$@"); fi

# What the house ships is what is fuzzed, to the last version.
cp Cargo.lock "$fuzz/Cargo.lock"
common=(--fuzz-dir "$fuzz" --sanitizer "$sanitizer" --target-dir "$made/build-$sanitizer")
# Others work on this machine too.
renice -n 19 $$ >/dev/null || true
export CARGO_BUILD_JOBS=1
for target in "${targets[@]}"; do cargo +nightly fuzz build "${common[@]}" "$target"; done

failed=()
for target in "${targets[@]}"; do
    mkdir -p "$made/corpus/$target" "$made/artifacts/$target"
    dictionary=()
    if [[ -f $fuzz/dictionaries/$target ]]; then dictionary=(-dict="$PWD/$fuzz/dictionaries/$target"); fi
    printf '\n== %s, %s minutes\n' "$target" "$minutes"
    cargo +nightly fuzz run "${common[@]}" "$target" "$made/corpus/$target" "$fuzz/seeds/$target" -- \
        -max_total_time=$((minutes * 60)) -timeout=10 -rss_limit_mb="$memory" -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$made/artifacts/$target/" "${dictionary[@]}" || failed+=("$target")
done
if [[ ${#failed[@]} -gt 0 ]]; then
    printf '\nfailed: %s; the inputs lie in %s\n' "${failed[*]}" "$made/artifacts"
    exit 1
fi
