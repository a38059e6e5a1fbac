#!/usr/bin/env bash
# image-values.sh REGISTRY: the chart's values that name the images of this commit by digest, as YAML.
set -euo pipefail
here=$(dirname "$0")

echo "# The images of commit $(git rev-parse HEAD)."
for pair in inference:inference fetcher:model-fetcher; do
  image=${pair#*:}
  digest=$("$here/image-digest.sh" "$1" "$image") || {
    echo "$1 has no $image of this commit: run \`make push-images REGISTRY=$1\`, or sign in to it" >&2
    exit 1
  }
  printf '%s:\n  image: {registry: "%s", repository: %s, tag: %s, digest: "%s"}\n' \
    "${pair%%:*}" "$1" "$image" "$("$here/image-key.sh" "$image")" "$digest"
done
