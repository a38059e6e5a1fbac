#!/usr/bin/env bash
# push-chart.sh ARCHIVE REPOSITORY: push a packaged chart to oci://REPOSITORY and print its reference by digest.
set -euo pipefail
said=$(helm push "$1" "oci://$2" ${INSECURE:+--plain-http} 2>&1) || { echo "$said" >&2; exit 1; }
echo "$said" >&2
digest=$(grep -o 'sha256:[0-9a-f]\{64\}' <<<"$said" | head -n 1)
echo "oci://$2/model-sidecar@$digest"
