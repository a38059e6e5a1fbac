#!/usr/bin/env bash
# image-size.sh BUILDER IMAGE BUDGET_MB: say what our layer adds to the base image; fail if it is too much.
set -euo pipefail
builder=$1 image=$2 budget=$3

if [ "$builder" = buildah ]; then
  container=$(buildah from --pull=never "$image")
  trap 'buildah rm "$container" >/dev/null' EXIT
  bytes=$(du -sb "$(buildah mount "$container")/opt/venv" | cut -f1)
else
  container=$("$builder" create "$image")
  trap '"$builder" rm "$container" >/dev/null' EXIT
  bytes=$("$builder" export "$container" | tar -tvf - | awk '$6 ~ /^opt\/venv\// { sum += $3 } END { print sum }')
fi
megabytes=$(((bytes + 999999) / 1000000))
echo "$image adds $megabytes MB to its base; the budget is $budget MB"
[ "$megabytes" -le "$budget" ] || { echo "that is too much: see what grew with du in /opt/venv" >&2; exit 1; }
