#!/usr/bin/env bash
# What must not be committed: private keys, live-looking credentials, addresses of package
# registries, files that only a machine needs; and whether the scripts and the compose file parse.
set -euo pipefail
cd "$(dirname "$0")/.."

faults=0

main() {
    # Written in halves where they would find themselves.
    refuse 'a private key' "-----BEGIN [A-Z ]*PRIVATE"" KEY-----" ':!src' ':!tests'
    refuse 'a credential' "(glpat-|ghp_|github_pat_|xox[bp]-|AKIA)[A-Za-z0-9_-]{16,}"
    refuse 'a signed token' "eyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{32,}\.[A-Za-z0-9_-]{32,}" ':!tests'
    refuse 'an address of a package registry' \
        "registry\.npm""js|npm""js\.org|pypi\.""org|python""hosted|index\.crates""\.io|static\.crates""\.io|proxy\.golang""|repo1?\.maven"
    refuse 'a registry in a lock file' '"resolved":' 'package-lock.json' '*/package-lock.json'
    git ls-files --error-unmatch target node_modules >/dev/null 2>&1 && fault 'build output is committed'
    scripts_parse
    compose_parses
    [ "$faults" -eq 0 ] || exit 1
    echo "tree: clean"
}

# Arguments: what it would be, an extended regular expression, path limits.
refuse() {
    local what=$1 pattern=$2 found
    shift 2
    found=$(git grep -nIE -e "$pattern" -- "${@:-.}" ':!Cargo.lock' || true)
    [ -z "$found" ] || fault "$what is committed:"$'\n'"$found"
}

scripts_parse() {
    local script
    while read -r script; do
        bash -n "$script" || fault "$script does not parse"
    done < <(git ls-files '*.sh' .ci/run)
    ! command -v dash >/dev/null || dash -n tests/callers/curl_job.sh || fault 'curl_job.sh is not POSIX'
}

compose_parses() {
    if docker compose version >/dev/null 2>&1; then
        docker compose --file docker-compose.yml config --quiet || fault 'docker-compose.yml is refused'
    else
        echo "tree: docker-compose.yml not checked, no docker compose here"
    fi
}

fault() {
    printf 'error: %s\n' "$1" >&2
    faults=$((faults + 1))
}

main
