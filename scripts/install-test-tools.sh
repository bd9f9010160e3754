#!/usr/bin/env bash
# Installs what the whole test run needs beyond Rust, and does nothing when it is all there.
#
# Programs come from Debian's packages (as root only). The callers' Python and npm packages go to
# target/callers, exact versions with their digests, nothing into your home. Where Go is there it
# builds checkers of logs as well. `cargo test` works without any of this and says what it skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

callers=${CARGO_TARGET_DIR:-target}/callers
pins=(tests/callers/requirements.txt tests/callers/package.json tests/callers/package-lock.json)

main() {
    debian_packages chromium curl openssl slowhttptest strace zstd
    database
    python_and_node_are_new_enough
    caller_packages
    keycloak
    log_programs
    otlp_receiver
    syslog_receiver
}

# Arguments are programs whose packages have the same name; the missing ones are installed.
debian_packages() {
    local program missing=()
    for program in "$@"; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        fail "missing: ${missing[*]}" "install them (Debian: apt-get install ${missing[*]}), as root"
    fi
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get install --yes --no-install-recommends "${missing[@]}" ||
        { quietly apt-get update && quietly apt-get install --yes --no-install-recommends "${missing[@]}"; } ||
        fail "apt-get could not install ${missing[*]}" "see $callers/install.txt"
}

# Its programs are not on the path; nothing but a test's own server is started from them.
database() {
    command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
        debian_packages postgresql
}

python_and_node_are_new_enough() {
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        fail "Python 3.10 or newer with venv is needed" "Debian: apt-get install python3-venv"
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null ||
        fail "Node.js 20 or newer is needed" "install it and npm, then run this again"
    command -v npm >/dev/null || fail "npm is needed" "it comes with Node.js"
}

# Both sets are laid anew whenever a pin has changed; the stamp is written last.
caller_packages() {
    local wanted
    wanted=$(cat "${pins[@]}" | git hash-object --stdin; python3 --version; node --version)
    [ "$(cat "$callers/installed" 2>/dev/null)" != "$wanted" ] || return 0
    mkdir -p "$callers"
    rm -rf "$callers/installed" "$callers/venv" "$callers/node_modules"
    say "installing the Python callers"
    python3 -m venv "$callers/venv"
    quietly "$callers/venv/bin/python" -m pip install --disable-pip-version-check \
        --require-hashes --only-binary :all: -r tests/callers/requirements.txt ||
        fail "pip could not install tests/callers/requirements.txt" "see $callers/install.txt"
    say "installing the Node callers"
    cp tests/callers/package.json tests/callers/package-lock.json "$callers/"
    (cd "$callers" && npm ci --ignore-scripts --no-audit --no-fund </dev/null >>install.txt 2>&1) ||
        fail "npm could not install tests/callers/package-lock.json" "see $callers/install.txt"
    echo "$wanted" >"$callers/installed"
}

# A second issuer that is not ours, as its makers publish it with Maven (Apache-2.0), by its digest.
# It wants a Java runtime and Maven; where they are missing, its test says that it is skipped.
keycloak() {
    local version=26.7.3 digest=77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47
    local folder=$callers/keycloak artifact packed major
    [ "$(cat "$folder/installed" 2>/dev/null)" != "$version" ] || return 0
    major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p') || major=
    if [ "${major:-0}" -lt 17 ] || ! command -v mvn >/dev/null; then
        say "Keycloak is left out: Java 17 and Maven are needed for it"
        return 0
    fi
    say "installing Keycloak $version"
    rm -rf "$folder"
    artifact=org.keycloak:keycloak-quarkus-dist:$version:tar.gz
    # Its own repository folder, which is removed again: nothing goes into your home.
    if ! quietly mvn --batch-mode "-Dmaven.repo.local=$(realpath "$callers")/maven" \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:get "-Dartifact=$artifact" -Dtransitive=false; then
        rm -rf "$callers/maven"
        say "Keycloak is left out: Maven could not fetch $artifact; see $callers/install.txt"
        return 0
    fi
    packed=$(find "$callers/maven" -name "keycloak-quarkus-dist-$version.tar.gz")
    echo "$digest  $packed" | sha256sum --check --quiet ||
        fail "Keycloak $version is not what it was" "do not run it; look at $packed"
    mkdir -p "$folder"
    tar --extract --gzip --file "$packed" --directory "$folder" --strip-components 1
    rm -rf "$callers/maven"
    echo "$version" >"$folder/installed"
}

# Other people's programs for tiled logs, for those who have Go: Tessera's checker (Apache-2.0) and a
# witness (BSD-3-Clause). Their modules are verified by Go's own checksum database.
log_programs() {
    local wanted=(github.com/transparency-dev/tessera/cmd/fsck@v1.0.4
        filippo.io/torchwood/cmd/litewitness@v0.9.0)
    [ "$(cat "$callers/bin/version" 2>/dev/null)" != "${wanted[*]}" ] || return 0
    if ! command -v go >/dev/null || ! GOTOOLCHAIN=local go version | grep -qE 'go1\.(2[6-9]|[3-9][0-9])'; then
        say "no Go 1.26: checks of the journal by other people's programs will be skipped"
        return 0
    fi
    command -v ssh-agent >/dev/null || debian_packages openssh-client
    mkdir -p "$callers/bin" "$callers/go"
    local here one
    here=$(cd "$callers" && pwd)
    # Its own folders, which are removed again: nothing goes into your home.
    for one in "${wanted[@]}"; do
        say "building ${one##*/cmd/}"
        quietly env GOBIN="$here/bin" GOPATH="$here/go" GOCACHE="$here/go/cache" GOTOOLCHAIN=local \
            GOFLAGS=-modcacherw go install "$one" ||
            fail "go could not build $one" "see $callers/install.txt"
    done
    rm -rf "$callers/go"
    echo "${wanted[*]}" >"$callers/bin/version"
}

# The OpenTelemetry Collector's own OTLP receiver (Apache-2.0) in a program of ours, for those who have
# Go; its modules are pinned by go.sum.
otlp_receiver() {
    local source=tests/callers/otlp_receiver wanted
    wanted=$(cat "$source"/* | git hash-object --stdin)
    [ "$(cat "$callers/bin/otlp-receiver.version" 2>/dev/null)" != "$wanted" ] || return 0
    if ! command -v go >/dev/null || ! GOTOOLCHAIN=local go version | grep -qE 'go1\.(2[6-9]|[3-9][0-9])'; then
        say "no Go 1.26: what leaves will not be tried with the Collector's receiver"
        return 0
    fi
    say "building the OpenTelemetry Collector's receiver"
    mkdir -p "$callers/bin" "$callers/go"
    local here
    here=$(cd "$callers" && pwd)
    # Its own folders, which are removed again: nothing goes into your home.
    (cd "$source" && env GOPATH="$here/go" GOCACHE="$here/go/cache" GOTOOLCHAIN=local \
        GOFLAGS=-modcacherw go build -mod=readonly -trimpath -o "$here/bin/otlp-receiver" . \
        </dev/null >>"$here/install.txt" 2>&1) ||
        fail "go could not build $source" "see $callers/install.txt"
    rm -rf "$callers/go"
    echo "$wanted" >"$callers/bin/otlp-receiver.version"
}

# Debian's rsyslog, unpacked and not installed: the machine's own syslog stays what it is.
syslog_receiver() {
    local folder=$callers/rsyslog packed
    local packages=(rsyslog rsyslog-openssl libestr0 libfastjson4 liblognorm5)
    [ ! -e "$folder/installed" ] || return 0
    if ! command -v apt-get >/dev/null; then
        say "no apt-get: what leaves will not be tried with rsyslog"
        return 0
    fi
    say "unpacking rsyslog"
    rm -rf "$folder"
    mkdir -p "$folder/packed"
    (cd "$folder/packed" && { apt-get download "${packages[@]}" ||
        { apt-get update && apt-get download "${packages[@]}"; }; }) </dev/null >>"$callers/install.txt" 2>&1 ||
        fail "apt-get could not fetch ${packages[*]}" "see $callers/install.txt"
    for packed in "$folder"/packed/*.deb; do
        quietly dpkg-deb --extract "$packed" "$folder"
    done
    rm -rf "$folder/packed"
    # Debian names the folder of libraries after the machine.
    LD_LIBRARY_PATH=$(echo "$folder"/usr/lib/*-linux-gnu) quietly "$folder/usr/sbin/rsyslogd" -v ||
        fail "the unpacked rsyslog does not run" "see $callers/install.txt"
    touch "$folder/installed"
}

quietly() {
    mkdir -p "$callers"
    "$@" </dev/null >>"$callers/install.txt" 2>&1
}

say() { echo "test tools: $1" >&2; }

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

main
