#!/usr/bin/env bash
# Asks a server on the tiny bundle whatever its own OpenAPI document allows and what it does not, with Schemathesis
# (PyPI schemathesis 4.32): no 5xx, and every answer as the document says. Ends with 0 if nothing was found.
# Arguments go to Schemathesis, such as `--include-path /v1/jobs`. SEEDS (7 11) are those of its runs, SCHEMATHESIS the command.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
command=${SCHEMATHESIS:-schemathesis}
command -v "$command" > /dev/null || { echo "there is no command $command; pip install schemathesis==4.32.5" >&2; exit 1; }
folder=$(mktemp -d) || exit 1
server=
trap '[ -n "$server" ] && kill "$server" 2> /dev/null && wait "$server"; rm -rf "$folder"' EXIT

node=node_modules/.bin/node
[ -x "$node" ] || node=node
"$node" src/cli/anymodal.js serve --port 0 --data "$folder/data" --model test/fixtures/tiny --set limits.requestsPerMinute=0 --set limits.jobsPerKey=1000 > "$folder/listening" 2> "$folder/log" &
server=$!
address=
for _ in $(seq 300); do
  address=$(sed -n 's/^Listening on //p' "$folder/listening")
  [ -n "$address" ] && break
  kill -0 "$server" 2> /dev/null || break
  sleep 0.2
done
[ -n "$address" ] || { echo 'the server did not begin to listen:' >&2; tail -n 20 "$folder/log" >&2; exit 1; }

export ANYMODAL_ADDRESS=$address SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH=$PWD/test/server PYTHONDONTWRITEBYTECODE=1
# It leaves a cache where it runs.
cd "$folder" || exit 1
status=0
for seed in ${SEEDS:-7 11}; do
  # From 10 cases an operation on Hypothesis climbs hills, which Schemathesis 4.32 cannot with files ("Unsupported type: 'Binary'").
  timeout --foreground 600 "$command" run "$address/openapi.json" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --phases fuzzing --max-examples 9 --seed "$seed" --request-timeout 60 --no-shrink --continue-on-failure \
    --generation-database none --suppress-health-check all --warnings off --no-color "$@" || status=1
done
kill -0 "$server" 2> /dev/null || { echo 'the server has ended:' >&2; tail -n 20 "$folder/log" >&2; status=1; }
if grep -q '"level":"error"' "$folder/log"; then
  echo 'errors in the log of the server:' >&2
  grep '"level":"error"' "$folder/log" | head -n 20 >&2
  status=1
fi
exit "$status"
