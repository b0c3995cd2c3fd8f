#!/usr/bin/env bash
# What hostile GraphQL documents cost: CPU time of the gateway for each, beside a plain query as the floor of the same
# run. Every bomb must be refused (400), and nobody behind the gateway is asked.
#
#   make up            # in another terminal
#   bench/query_bombs.sh
#
# `make up` runs the dev profile, which costs several times what a release build does:
#   cargo build --release -p trellis-gateway, and BASE and GATEWAY (a process id) of one that was started by hand.
set -euo pipefail
BASE=${BASE:-http://127.0.0.1:8000}
TIMES=${TIMES:-40}
children() { local pid; for pid in $(ps -o pid= --ppid "$1"); do echo "$pid"; children "$pid"; done; }
gateway() {
  local pid
  for pid in $(children "$(cat "$(dirname "$0")/../.local/up.pid")"); do
    case $(ps -o comm= -p "$pid") in trellis-gateway*) echo "$pid" ;; esac
  done
}
GATEWAY=${GATEWAY:-$(gateway)}
BODY=$(mktemp)
trap 'rm -f "$BODY"' EXIT

ticks() { awk '{print $14 + $15}' "/proc/$GATEWAY/stat"; }
times() { local i; for ((i = 0; i < $2; i++)); do printf '%s' "${1//%/$i}"; done; } # text count; % is the number

bomb() { # name, expected status; the document on standard input
  { printf '{"query":"'; cat; printf '"}'; } >"$BODY"
  local before after answers i
  before=$(ticks)
  answers=$(for ((i = 0; i < TIMES; i++)); do
    printf 'url = "%s/graphql"\noutput = /dev/null\ndata-binary = "@%s"\nheader = "content-type: application/json"\nwrite-out = "%%{http_code}\\n"\n' \
      "$BASE" "$BODY"
    if ((i + 1 < TIMES)); then echo next; fi
  done | curl -s -K - | sort | uniq -c | awk '{printf "%s%s × %s", sep, $2, $1; sep = ", "}')
  after=$(ticks)
  awk -v name="$1" -v bytes="$(wc -c <"$BODY")" -v ticks=$((after - before)) -v n="$TIMES" -v hz="$(getconf CLK_TCK)" \
    -v answers="$answers" 'BEGIN {printf "%-44s %8d bytes %8.2f ms  %s\n", name, bytes, ticks * 1000 / hz / n, answers}'
  [ "$answers" = "$2 × $TIMES" ] || { echo "expected $2" >&2; exit 1; }
}

printf '%s' '{ __typename }' | bomb 'floor: a plain query' 200
{ printf '{'; times 'a%:me{id} ' 10000; printf '}'; } | bomb '10,000 aliases' 400
{ printf '{'; times 'a:me ' 10000; printf '}'; } | bomb '10,000 aliases in 64 KiB' 400
{ times '{me' 1000; printf '{id}'; times '}' 1000; } | bomb '1,000 levels' 400
times '{' 65000 | bomb '65,000 opened braces' 400
{ printf '{me(a:'; times '[' 65000; } | bomb '65,000 opened brackets in an argument' 400
printf '%s' '{...A} fragment A on Query {...B} fragment B on Query {...A}' | bomb 'a fragment cycle' 400
{ printf '{...F0}'
  for i in $(seq 0 29); do printf 'fragment F%d on Query{...F%d ...F%d}' "$i" $((i + 1)) $((i + 1)); done
  printf 'fragment F30 on Query{me{id}}'; } | bomb 'fragments that double, 30 times' 400
{ printf '{me '; times '@a ' 80000; printf '}'; } | bomb 'directives, as many as a body holds' 400
{ printf '{me '; times '@a ' 21000; printf '}'; } | bomb '21,000 directives in 64 KiB' 400
{ printf '{me '; times '@a ' 350000; printf '}'; } | bomb '1 MB of directives' 413
times 'a ' 32000 | bomb '32,000 names' 400
{ printf '{'; times 'a ' 4990; printf '}'; } | bomb '5,000 names, the most that is parsed' 400
{ printf '{me{'; times 'nameOfNothing% ' 1990; printf '}}'; } | bomb '2,000 unknown fields' 400
{ printf '{'; times '# ' 30000; printf '\\n me{id} nothing}'; } | bomb '60 KB of a comment' 400
{ printf '{__schema{types{'; times 'fields{type{' 8; printf 'name'; times '}}' 8; printf '}}}'; } |
  bomb 'introspection of types of types' 400
