#!/usr/bin/env bash
# publish-model.sh BUNDLE SOURCE [OPTION...]: publish a bundle that reproduces its golden examples, and add its
# version and digest to SUMMARY. The options are those of `model-fetcher publish`.
set -euo pipefail
bundle=$1 source=$2
shift 2

version=$(model-fetcher publish "$bundle" "$source" "$@")
digest=$(model-fetcher versions "$source" --json | python3 -c '
import json, sys
print(next(row["digest"] for row in json.load(sys.stdin) if row["version"] == sys.argv[1]))' "$version")
echo "published $version of $source, digest $digest"
# shellcheck disable=SC2016 # the backticks are Markdown's
[ -z "${SUMMARY:-}" ] || printf '## %s\n\n| version | digest |\n|---|---|\n| `%s` | `%s` |\n' "$source" "$version" "$digest" >>"$SUMMARY"
[ -z "${GITHUB_OUTPUT:-}" ] || printf 'version=%s\ndigest=%s\n' "$version" "$digest" >>"$GITHUB_OUTPUT"
