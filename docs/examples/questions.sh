#!/bin/sh
# Questions with curl. REGRESSION_URL=http://127.0.0.1:8514 REGRESSION_TOKEN=rgr_... sh questions.sh
set -eu
ask() { curl --silent --show-error --fail-with-body -H "Authorization: Bearer $REGRESSION_TOKEN" "$@"; }
api=${REGRESSION_URL:-http://127.0.0.1:8514}/api/v1

# The newest errors, two fields of them, as CSV
ask --get "$api/logs" --data-urlencode 'q=severity:>=error' -d format=csv -d fields=severity,message -d limit=5

# How many rows an hour
ask --get "$api/hits" -d step=1h -d start=-7d
echo

# What values the fields have
ask --get "$api/facets" -d limit=3
echo

# A consumer: pull, work, ack
ask -X PUT "$api/consumers/shell" -H 'Content-Type: application/json' -d '{"q":"severity:>=error"}'
echo
batch=$(ask -X POST "$api/consumers/shell/pull" -H 'Content-Type: application/json' -d '{"max_rows":100}' |
  sed 's/.*"batch":"\([^"]*\)".*/\1/')
ask -X POST "$api/consumers/shell/ack" -H 'Content-Type: application/json' -d "{\"batch\":\"$batch\"}"
echo
