#!/usr/bin/env bash
# tested-commit.sh: the newest commit of main that ci.yaml passed.
set -euo pipefail
commit=$(gh run list --workflow ci.yaml --branch main --event push --status success --limit 1 --json headSha --jq '.[0].headSha // empty')
[ -n "$commit" ] || { echo 'no push to main has passed ci.yaml yet: there is nothing to deploy' >&2; exit 1; }
echo "$commit"
