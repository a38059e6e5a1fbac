#!/usr/bin/env bash
# load-images.sh BUILDER LOADER IMAGE...: hand each image that BUILDER has to a cluster, as an archive for LOADER.
set -euo pipefail
builder=$1 loader=$2
shift 2
archive=$(mktemp -d)
trap 'rm -rf "$archive"' EXIT

for image in "$@"; do
  file=$archive/image.tar
  rm -f "$file"
  if [ "$builder" = buildah ]; then
    buildah inspect --type image "$image" >/dev/null 2>&1 || { echo "$image is not here: the cluster must have it"; continue; }
    buildah push --quiet "$image" "docker-archive:$file:$image"
  else
    "$builder" image inspect "$image" >/dev/null 2>&1 || { echo "$image is not here: the cluster must have it"; continue; }
    "$builder" save --output "$file" "$image"
  fi
  echo "loading $image"
  # shellcheck disable=SC2086 # the loader is a command with its words
  $loader "$file"
done
