#!/usr/bin/env bash
# image-key.sh IMAGE: the tag that stands for what goes into an image. The same content has the same tag, so
# nothing is built twice, and what does not go into an image (examples, docs, models) builds none.
set -euo pipefail
cd "$(dirname "$0")/.."
inputs=("$1"/{Dockerfile,.dockerignore,requirements*.txt,src})

if [ -n "$(git status --porcelain -- "${inputs[@]}")" ]; then
  echo "commit first, the tag stands for committed files: git status ${inputs[*]}" >&2
  exit 1
fi
key=$({ echo "${PYTHON_IMAGE:-} ${ONNXRUNTIME:-cpu}"; git ls-tree -r HEAD -- "${inputs[@]}"; } | git hash-object --stdin)
echo "src-${key:0:16}"
