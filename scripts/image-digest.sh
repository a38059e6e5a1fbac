#!/usr/bin/env bash
# image-digest.sh REGISTRY IMAGE: the digest of the image that holds the sources of this commit.
# Exit code 3: the registry has no such image, or does not show it; its own words are on stderr.
set -euo pipefail
here=$(dirname "$0")
reference=$1/$2:$("$here/image-key.sh" "$2")
command -v skopeo >/dev/null || { echo 'skopeo is needed: apt-get install skopeo' >&2; exit 1; }

insecure=${INSECURE:+--tls-verify=false}
manifest=$(mktemp)
trap 'rm -f "$manifest"' EXIT
# shellcheck disable=SC2086 # empty means no argument
skopeo inspect $insecure --raw "docker://$reference" >"$manifest" || exit 3
echo "sha256:$(sha256sum "$manifest" | cut -d' ' -f1)"
