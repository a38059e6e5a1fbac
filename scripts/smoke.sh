#!/usr/bin/env bash
# smoke.sh URL: wait until the public address answers, and print which model version it serves.
set -euo pipefail
# A new DNS name or load balancer takes minutes to be known everywhere.
ask=(curl --fail --silent --show-error --max-time 10 --retry 60 --retry-delay 5 --retry-max-time "${SMOKE_SECONDS:-300}" --retry-all-errors)

if ! answer=$("${ask[@]}" "$1/version"); then
  echo "$1 does not answer: is the DNS name right, and is there an address? kubectl get service,ingress" >&2
  exit 1
fi
echo "$1 answers: $answer"
# shellcheck disable=SC2016 # the backticks are Markdown's
[ -z "${SUMMARY:-}" ] || printf '\nServed at <%s>: `%s`\n' "$1" "$answer" >>"$SUMMARY"
