#!/usr/bin/env bash
# Docker Compose with what docker-compose.yml needs: certificates, the keys that the kit's upstream
# asks for, a journal folder. All of it belongs to you, and the container runs under your ids,
# because stile refuses key files that anybody but their owner may read.
#
#   scripts/compose.sh up --build | down | logs issuer | …
#   scripts/compose.sh prepare FOLDER     only makes the files, below FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077

main() {
    if [ "${1:-}" = prepare ]; then
        prepare "$2/certs" "$2"
        return
    fi
    docker compose version >/dev/null 2>&1 || {
        printf 'error: docker compose is missing\nhint: make demo shows the same without containers\n' >&2
        exit 1
    }
    prepare certs target/compose
    STILE_UID=$(id -u) STILE_GID=$(id -g) exec docker compose "$@"
}

prepare() { # arguments: folder of certificates, folder of secrets and journal
    certs/generate.sh "$1" >/dev/null
    mkdir -p "$2/secrets" "$2/journal"
    key_of_the_kit API_KEY >"$2/secrets/lightstep.key"
    key_of_the_kit INGEST_KEY >"$2/secrets/ingest.key"
}

key_of_the_kit() { # the one its upstream asks for, from the one place that spells it
    sed -n "s/^pub const $1: &str = \"\(.*\)\";/\1/p" tests/kit/src/upstream.rs | grep .
}

main "$@"
