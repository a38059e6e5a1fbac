#!/usr/bin/env bash
# report-failure.sh TITLE RUN_URL: open an issue about a failed run, or add to the one that is open.
set -euo pipefail
title=$1
body="It failed: $2

The summary of that run says what failed and what runs now."

number=$(gh issue list --state open --search "in:title \"$title\"" --json number,title \
  --jq "map(select(.title == \"$title\"))[0].number // empty")
if [ -n "$number" ]; then
  gh issue comment "$number" --body "$body"
else
  gh issue create --title "$title" --body "$body"
fi
