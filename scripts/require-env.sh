#!/usr/bin/env bash
# require-env.sh NAME...: stop, naming every variable that is not set and where docs/azure.md tells how to set it.
set -euo pipefail
guide=$(dirname "$0")/../docs/azure.md

headings_of() {
  awk -v name="\`$1\`" '
    /^```/ { fenced = !fenced }
    !fenced && sub(/^#+ /, "") { heading = $0 }
    !fenced && /^\|/ && index($0, name) && heading != last { printf "%s\"%s\"", last ? " or " : "", heading; last = heading }
  ' "$guide"
}

# A line that starts so is shown on the page of the run.
prefix=${GITHUB_ACTIONS:+::error::}${TF_BUILD:+##vso[task.logissue type=error]}
missing=0
for name; do
  [ -z "${!name:-}" ] || continue
  missing=2
  echo "$prefix$name is not set: see $(headings_of "$name") in docs/azure.md" >&2
done
exit "$missing"
