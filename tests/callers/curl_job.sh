#!/bin/sh
# A CI job's script line: one request by curl, as a job's image without any SDK would make it.
#
# In: the environment STILE_ADDRESS, STILE_TOKEN, STILE_CA_FILE (optional); arguments METHOD PATH
# and, for a body, the name of its file and its media type; then more options of curl. Out: one line
# of JSON:
# {"exit": curl's code, "status": N, "protocol": "2", "headers": {...}, "body": text, "said": text}.
# The exit code is curl's own: a job stops where its API call was refused. Ends within 60 s.
set -eu

method=$1 path=$2 body_file=${3:-} media_type=${4:-application/json}
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT

[ $# -gt 4 ] && shift 4 || set --
set -- "$@" --silent --show-error --fail-with-body --max-time 60 --request "$method"
[ -z "${STILE_CA_FILE:-}" ] || set -- "$@" --cacert "$STILE_CA_FILE"
[ -z "$body_file" ] || set -- "$@" --header "content-type: $media_type" --data-binary "@$body_file"
if [ -n "${STILE_TOKEN:-}" ]; then # by file, so that the token is not in the list of processes
    (umask 077 && printf 'authorization: Bearer %s\n' "$STILE_TOKEN" >"$kept/token")
    set -- "$@" --header "@$kept/token"
fi

code=0
curl "$@" --output "$kept/body" \
    --write-out '"status":%{http_code},"protocol":"%{http_version}","headers":%{header_json}' \
    "${STILE_ADDRESS%/}$path" >"$kept/answer" 2>"$kept/said" || code=$?

text_of() { # a file as the inside of a JSON string; control characters are dropped
    [ ! -f "$1" ] || tr -d '\000-\010\013-\037' <"$1" |
        sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g' | awk '{ printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }'
}
printf '{"exit":%s,%s,"body":"%s","said":"%s"}\n' "$code" "$(tr -d '\n' <"$kept/answer" | sed 's/:000,/:0,/')" \
    "$(text_of "$kept/body")" "$(text_of "$kept/said")"
exit "$code"
