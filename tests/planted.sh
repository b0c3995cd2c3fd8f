#!/usr/bin/env bash
# Puts faults into a copy of the sources, one at a time, and wants the chaos harness to turn red at each within two
# minutes: `make chaos-planted`. By hand and not in CI: it builds our own crates once more.
#
# The harness and its checks are the same as ever; only what is broken is chosen, to what makes the fault show soonest.
# With `--plant` it stops where all are planted, which CI does; with `--build` after the build; with names of faults it
# tries those alone. SEED and MINUTES as in `make chaos`.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/holes.sh
. "$root/tests/holes.sh"
copy_sources planted

log=services/kit/eventlog/src
hole polling-past-a-cursor "$log/relay/session.rs" \
  'self.outbox.exchange(exchange)).await?;
        self.heard = asked;' \
  'self.outbox.exchange(exchange)).await?;
        self.heard = asked;
        if hole_is_open("polling-past-a-cursor") {
            static SEEN: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
            let seen = SEEN.load(std::sync::atomic::Ordering::Relaxed);
            let rows: Vec<_> = rows.into_iter().filter(|row| row.id > seen).collect();
            if let Some(last) = rows.last() { SEEN.store(last.id, std::sync::atomic::Ordering::Relaxed); }
            return Ok(rows);
        }'
hole relay-without-order "$log/relay/schedule.rs" \
  'lane.get_mut().next.push_back(row);' \
  'if hole_is_open("relay-without-order") { first.push(row); continue; }
                    lane.get_mut().next.push_back(row);'
hole retry-without-idempotency "$log/idempotency.rs" \
  'None => Kept::New,' \
  'None => Kept::New,
            Some(_) if hole_is_open("retry-without-idempotency") => Kept::New,'
hole retry-without-idempotency "$log/idempotency.rs" \
  'VALUES ($1, $2, $3, $4, $5)",' \
  'VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",'

live=gateway/src/live
hole live-before-buffering "$live/hub.rs" \
  'let place = Place { at, filter: opened.subject };' \
  'let at = if hole_is_open("live-before-buffering") { head } else { at };
        let place = Place { at, filter: opened.subject };'
hole no-gap-check "$live/sequencer.rs" \
  'let mut run = Vec::new();' \
  'let mut run = Vec::new();
        if hole_is_open("no-gap-check") && let Some((first, _)) = self.ahead.first_key_value() { self.head = first - 1; }'
hole no-gap-check "$live/ring.rs" \
  'debug_assert_eq!(entry.at.seq, self.head() + 1, "the sequencer hands out in order");' \
  'if hole_is_open("no-gap-check") && entry.at.seq != self.head() + 1 { self.entries.clear(); self.base = entry.at.seq - 1; }'
hole no-gap-check "$live/subscription.rs" \
  'if self.at.seq < ring.base() {' \
  'if hole_is_open("no-gap-check") && self.at.seq < ring.base() { self.at.seq = ring.base(); }
        if self.at.seq < ring.base() {'

ledger=services/kit/authn/src/ledger.rs
hole yes-after-removal "$ledger" \
  'self.epoch == Some(access.epoch)' \
  'hole_is_open("yes-after-removal") || self.epoch == Some(access.epoch)'
hole yes-after-removal "$ledger" \
  'if removed {' \
  'if removed && hole_is_open("yes-after-removal") {
            self.answers.retain(|question, answer| answer.access.org_id != org || user.is_some_and(|user| user != question.user));
            return;
        }
        if removed {'

[ "${1:-}" = --plant ] && exit 0

share_builds
cargo build --quiet --locked --package trellis-identity --package trellis-org --package trellis-project \
  --package trellis-gateway --package trellis-chaos
[ "${1:-}" = --build ] && exit 0

logs=$copy/logs
mkdir -p "$logs"
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
chaos() { # FAULT WHAT-IS-BROKEN LOG
  OTEL_TRELLIS_HOLE=$1 "$CARGO_TARGET_DIR/debug/trellis-chaos" --seed "$seed" --minutes "${MINUTES:-2}" --faults "$2" >"$3" 2>&1
}

every=kill:project,cut:project,cut:nats,silence:nats,kill:gateway,delay:org
if [ $# -eq 0 ]; then
  chaos none "$every" "$logs/none.log" || { echo "the harness is red without a fault (seed $seed):"; tail -40 "$logs/none.log"; exit 1; }
fi

green=0
printf '%-26s %s\n' "planted (seed $seed)" outcome
while read -r name broken; do
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  log=$logs/$name.log
  if chaos "$name" "$broken" "$log"; then
    outcome='GREEN: the harness does not see it'
    green=1
  elif outcome=$(grep -om1 '^lost .*' "$log"); then
    outcome="red: $(tr '·' '\n' <<<"$outcome" | grep -v ' 0 *$' | tr -s ' \n' ' ')"
  else
    outcome="BROKEN: see $log"
    green=1
  fi
  printf '%-26s %s\n' "$name" "$outcome"
done <<TABLE
polling-past-a-cursor cut:nats,silence:nats
live-before-buffering kill:gateway,cut:gateway
no-gap-check cut:nats*2,silence:nats
relay-without-order cut:nats,silence:nats
retry-without-idempotency cut:project*3,kill:project,kill:gateway,cut:gateway
yes-after-removal delay:org
TABLE
exit $green
