#!/usr/bin/env bash
# Licences, bans, sources and known advisories of everything in Cargo.lock.
#
# cargo-deny is built into target/tools when missing (a minute and a half of one core). Advisories
# come from a folder of the RustSec database, ADVISORY_DB (default ../shared/advisory-db): cargo-deny
# reads a git repository only, so a temporary one is made of it. Nothing is fetched for this. Without
# that folder the advisories are skipped with a word; where ADVISORY_DB is set, it must be there.
set -euo pipefail
cd "$(dirname "$0")/.."

deny_version=0.20.2
deny=target/tools/bin/cargo-deny
advisories=${ADVISORY_DB:-../shared/advisory-db}

if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $deny_version" ]; then
    echo "building cargo-deny $deny_version into target/tools"
    cargo install --locked --debug --quiet --force --root target/tools "cargo-deny@$deny_version" || {
        echo "error: cargo-deny $deny_version could not be built" >&2
        echo "hint: cargo needs its registry for this; or put the program at $deny" >&2
        exit 1
    }
fi

cargo fetch --locked --quiet
"$deny" --offline --locked check --hide-inclusion-graph bans licenses sources

if [ ! -d "$advisories/crates" ]; then
    echo "advisories: skipped, no database at $advisories; name one with ADVISORY_DB" >&2
    [ -z "${ADVISORY_DB:-}" ]
    exit
fi
repository=target/advisory-db/advisory-db-3157b0e258782691 # the name cargo-deny looks for
rm -rf "$repository"
mkdir -p "$repository"
cp -R "$advisories/." "$repository/"
git -C "$repository" init --quiet
git -C "$repository" add --all
git -C "$repository" -c user.name=advisories -c user.email=advisories@invalid -c commit.gpgsign=false \
    commit --quiet --message "The database as it was given"
"$deny" --offline --locked check --hide-inclusion-graph advisories
