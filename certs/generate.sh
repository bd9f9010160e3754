#!/usr/bin/env bash
# Makes a development CA and a server certificate for stile. Not for production: see README.md.
#
#   certs/generate.sh [FOLDER]     default: the folder of this script
#
# Out: ca.pem ca-key.pem stile.pem stile-key.pem, keys readable by their owner only. What is there
# and good for another week is kept; what is not is made anew, the CA first.
set -euo pipefail
umask 077

folder=${1:-$(dirname "$0")}
names=DNS:localhost,DNS:stile.example.com,IP:127.0.0.1,IP:::1
days=90
week_s=604800

main() {
    command -v openssl >/dev/null || {
        printf 'error: openssl is missing\nhint: install it (Debian: apt-get install openssl)\n' >&2
        exit 1
    }
    mkdir -p "$folder"
    cd "$folder"
    if ! good ca.pem || [ ! -s ca-key.pem ]; then authority; fi
    if ! good stile.pem || [ ! -s stile-key.pem ] || ! signed stile.pem; then certificate; fi
    chmod 600 ca-key.pem stile-key.pem
    chmod 644 ca.pem stile.pem
    echo "$PWD: ca.pem stile.pem stile-key.pem, until $(openssl x509 -in stile.pem -noout -enddate | cut -d= -f2)"
}

good() { [ -s "$1" ] && openssl x509 -in "$1" -noout -checkend "$week_s" >/dev/null 2>&1; }

signed() { openssl verify -CAfile ca.pem "$1" >/dev/null 2>&1; }

authority() {
    openssl req -x509 -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -days "$days" \
        -keyout ca-key.pem -out ca.pem -subj "/CN=stile development CA" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
        -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}

certificate() {
    openssl req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 \
        -keyout stile-key.pem -out stile.csr -subj "/CN=stile.example.com" 2>/dev/null
    openssl x509 -req -in stile.csr -CA ca.pem -CAkey ca-key.pem -sha256 -days "$days" \
        -set_serial "0x$(openssl rand -hex 16)" -out stile.pem -extfile /dev/stdin 2>/dev/null <<END
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $names
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
    rm -f stile.csr
}

main
