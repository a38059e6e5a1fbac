#!/usr/bin/env bash
# push-image.sh BUILDER REGISTRY IMAGE [BUILD_FLAG...]: build an image for PLATFORMS and push it; print its digest.
# An image whose sources are in the registry already is not built again, unless FORCE is set.
set -euo pipefail
builder=$1 registry=$2 image=$3
shift 3
here=$(dirname "$0")

if [ -z "${FORCE:-}" ] && digest=$("$here/image-digest.sh" "$registry" "$image" 2>/dev/null); then
  echo "$image has not changed: nothing to build" >&2
  echo "$digest"
  exit
fi

key=$("$here/image-key.sh" "$image")
flags=("$@" --build-arg "PYTHON_IMAGE=$PYTHON_IMAGE" --build-arg "VERSION=$VERSION"
  --build-arg "REVISION=$(git rev-parse HEAD)")
[ "$image" != inference ] || flags+=(--build-arg "ONNXRUNTIME=${ONNXRUNTIME:-cpu}")
[ -z "${PLATFORMS:-}" ] || flags+=(--platform "$PLATFORMS")
report=$(mktemp)
trap 'rm -f "$report"' EXIT
echo "building $registry/$image:$key with $builder" >&2

# The cache is in the registry, where every builder of every pipeline finds it.
with_docker() {
  docker buildx version >/dev/null || { echo 'docker needs its plugin buildx, or use podman: BUILDER=podman' >&2; exit 1; }
  docker buildx build "${flags[@]}" --provenance mode=max --sbom true --push --metadata-file "$report" \
    --cache-from "type=registry,ref=$registry/$image:cache" \
    --cache-to "type=registry,ref=$registry/$image:cache,mode=max,ignore-error=true" \
    --tag "$registry/$image:$key" "$image" >&2
  sed -n 's/.*"containerimage.digest": "\(sha256:[0-9a-f]*\)".*/\1/p' "$report"
}

with_podman() {
  local list=localhost/$image:$key
  "$builder" manifest rm "$list" >/dev/null 2>&1 || true
  "$builder" build "${flags[@]}" --manifest "$list" "$image" >&2
  # shellcheck disable=SC2086 # empty means no argument
  "$builder" manifest push --all ${INSECURE:+--tls-verify=false} --digestfile "$report" \
    "$list" "docker://$registry/$image:$key" >&2
  cat "$report"
}

if [ "$builder" = docker ]; then with_docker; else with_podman; fi
