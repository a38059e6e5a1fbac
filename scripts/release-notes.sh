#!/usr/bin/env bash
# release-notes.sh VERSION: print what CHANGELOG.md says about a version.
set -euo pipefail
cd "$(dirname "$0")/.."

notes=$(awk -v head="## [$1]" 'index($0, "## [") == 1 || /^\[[^]]*\]: / { on = index($0, head) == 1; next } on' CHANGELOG.md)
[ -n "${notes//[[:space:]]/}" ] || { echo "CHANGELOG.md has nothing under \"## [$1]\": write it first" >&2; exit 1; }
echo "$notes" | sed '1{/^$/d}'
