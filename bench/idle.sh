#!/usr/bin/env bash
# What an idle cluster costs: memory of everything that `make up` started (PostgreSQL and NATS included), and the time of
# one task read over REST, one at a time on a kept connection. The floor in the same run is the gateway's own /healthz.
#
#   make up            # in another terminal
#   bench/idle.sh
set -euo pipefail
BASE=${BASE:-http://127.0.0.1:8000}
LAUNCHER=$(cat "$(dirname "$0")/../.local/up.pid")

TOKEN=$(curl -sf "$BASE/api/v1/auth/login" -H 'content-type: application/json' \
  -d '{"email":"ada@acme.test","password":"correct-horse-demo"}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

median() { # url
  for _ in $(seq 500); do printf 'url = "%s"\noutput = /dev/null\n' "$1"; done |
    curl -s -K - -H "authorization: Bearer $TOKEN" -w '%{http_code} %{time_total}\n' |
    awk '$1 != 200 {print "status " $1 > "/dev/stderr"; exit 1} {print $2 * 1000}' | tail -n 400 | sort -n |
    awk '{v[NR] = $1} END {printf "median %.2f ms, p99 %.2f ms", v[int(NR / 2)], v[int(NR * 0.99)]}'
}
echo "floor  GET /healthz      $(median "$BASE/healthz")"
echo "task   GET …/tasks/WEB-1 $(median "$BASE/api/v1/organizations/acme/tasks/WEB-1")"

children() { local pid; for pid in $(ps -o pid= --ppid "$1"); do echo "$pid"; children "$pid"; done; }
total=0
for pid in $(children "$LAUNCHER"); do
  pss=$(awk '/^Pss:/ {print $2}' "/proc/$pid/smaps_rollup" 2>/dev/null) || continue
  total=$((total + ${pss:-0}))
  printf '%8d KiB  %s\n' "${pss:-0}" "$(ps -o args= -p "$pid" | cut -c1-60)"
done
printf '%8d KiB  in all (%d MiB; proportional set size)\n' "$total" $((total / 1024))
