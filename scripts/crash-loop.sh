#!/usr/bin/env bash
# Kills the real stile under load, again and again, and looks each time whether the journal kept what
# it promises: scripts/crash-loop.sh [KILLS]. 500 by default, at random moments from 0.2 s to 3 s after
# the start, 500 to 1,500 requests a second over HTTP/1 and HTTP/2. STILE_SEED=N repeats a run.
set -euo pipefail
cd "$(dirname "$0")/.."

kills=${1:-500}
[[ $kills =~ ^[1-9][0-9]*$ ]] || { echo "usage: scripts/crash-loop.sh [KILLS]" >&2; exit 2; }

target=${CARGO_TARGET_DIR:-target}
cargo build --locked --release --quiet -p stile
STILE_KILLS=$kills STILE_PROGRAM=$(realpath "$target/release/stile") \
    exec cargo test --locked --quiet --test tests -- --exact --nocapture \
    endure::crash_loop::no_kill_forwards_without_a_record_or_answers_without_one
