#!/usr/bin/env bash
# package-chart.sh REGISTRY VERSION: put the chart into dist/, with the digests of this commit's images written in.
set -euo pipefail
cd "$(dirname "$0")/.."
registry=$1 version=$2

for line in "version: $version" "appVersion: \"$version\""; do
  grep -qxF "$line" chart/Chart.yaml || { echo "chart/Chart.yaml has no line '$line': write it first" >&2; exit 1; }
done

# Replaces what stands under KEY.image, and leaves the comments alone. Fails when it finds less than all of it.
pin() {
  awk -v top="$1:" -v registry="$registry" -v tag="$version" -v digest="$2" '
    BEGIN { new["registry:"] = registry; new["tag:"] = tag; new["digest:"] = digest }
    /^[^ #]/ { inside = $1 == top; image = 0 }
    /^  [^ #]/ { image = inside && $1 == "image:" }
    image && $1 in new { print "    " $1 " \"" new[$1] "\""; found++; next }
    { print }
    END { exit found != 3 }' dist/model-sidecar/values.yaml >dist/values.yaml
  mv dist/values.yaml dist/model-sidecar/values.yaml
}

inference=$(scripts/image-digest.sh "$registry" inference)
fetcher=$(scripts/image-digest.sh "$registry" model-fetcher)
rm -rf dist/model-sidecar
mkdir -p dist
cp -R chart dist/model-sidecar
pin inference "$inference"
pin fetcher "$fetcher"
helm package dist/model-sidecar --destination dist >&2
echo "dist/model-sidecar-$version.tgz"
