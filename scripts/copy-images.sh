#!/usr/bin/env bash
# copy-images.sh FROM TO [TAG]: copy the images of this commit, every platform and digest as it is, and tag them.
set -euo pipefail
from=$1 to=$2 here=$(dirname "$0")

for image in inference model-fetcher; do
  digest=$("$here/image-digest.sh" "$from" "$image")
  target=$to/$image:${3:-$("$here/image-key.sh" "$image")}
  skopeo copy --quiet --all --preserve-digests ${INSECURE:+--src-tls-verify=false --dest-tls-verify=false} \
    "docker://$from/$image@$digest" "docker://$target"
  echo "$target@$digest"
done
