#!/usr/bin/env bash
# Whether the time of a refused login tells who has an account: a wrong password, an unknown e-mail and a registration
# that is not finished, one after another on kept connections, over REST and both of GraphQL's log-ins. One answer in one
# time means that the medians of a surface differ by less than what one of them varies by itself (the quartiles).
#
#   TRELLIS_RATE_LIMITS=off make up            # in another terminal
#   bench/login_time.sh
#
# DATABASE_URL of identity's database adds the unfinished registration (psql is needed); ROUNDS is how many of each.
set -euo pipefail
BASE=${BASE:-http://127.0.0.1:8000}
ROUNDS=${ROUNDS:-100}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

register() { # e-mail
  curl -sf -o /dev/null "$BASE/api/v1/auth/register" -H 'content-type: application/json' \
    -d "{\"email\":\"$1\",\"name\":\"Bench\",\"password\":\"a-quite-long-passphrase\"}"
}
run=$(date +%s)-$$
known="known-$run@example.test" pending="pending-$run@example.test"
register "$known"
who=("known:$known" "unknown:unknown-$run@example.test")
if [ -n "${DATABASE_URL:-}" ]; then
  register "$pending"
  # Ahead of the sweeper, which settles those that are a minute old.
  psql -qX "$DATABASE_URL" -c "UPDATE users SET pending_since = now() + interval '1 day' WHERE email = '$pending'"
  who+=("pending:$pending")
fi

body() { # surface, e-mail
  case $1 in
    REST) printf '{"email":"%s","password":"not the password"}' "$2" ;;
    tokenAuth) printf '{"query":"mutation { tokenAuth(email: \\"%s\\", password: \\"not the password\\") { token } }"}' "$2" ;;
    loginUser) printf '{"query":"mutation { loginUser(input: {email: \\"%s\\", password: \\"not the password\\"}) { success } }"}' "$2" ;;
  esac
}

for surface in REST tokenAuth loginUser; do
  url=$BASE/graphql
  [ "$surface" = REST ] && url=$BASE/api/v1/auth/login
  # In turns, so that whatever else the machine does falls on all of them alike.
  for _ in $(seq "$ROUNDS"); do
    for one in "${who[@]}"; do
      printf 'url = "%s"\nheader = "content-type: application/json"\noutput = /dev/null\nwrite-out = "%s %%{http_code} %%{time_total}\\n"\ndata = "%s"\nnext\n' \
        "$url" "${one%%:*}" "$(body "$surface" "${one#*:}" | sed 's/[\\"]/\\&/g')"
    done
  done | sed '$d' >"$scratch/requests"
  curl -s -K "$scratch/requests" >"$scratch/times"
  awk -v surface="$surface" '$2 != 200 && $2 != 401 {print surface ": status " $2 > "/dev/stderr"; exit 1}' "$scratch/times"
  for one in "${who[@]}"; do
    awk -v who="${one%%:*}" '$1 == who {print $3 * 1000}' "$scratch/times" | sort -n | awk -v surface="$surface" -v who="${one%%:*}" \
      '{v[NR] = $1} END {printf "%-9s  %-7s  median %6.1f ms  quartiles %6.1f to %6.1f ms  (%d)\n", surface, who, v[int((NR + 1) / 2)], v[int((NR + 3) / 4)], v[int((3 * NR + 1) / 4)], NR}'
  done
done
