#!/usr/bin/env bash
# What row-level security costs a read of a task, in the database: the statement without the wall (a superuser is past
# all policies), with it as the service sends it, and with a transaction around it instead. Interleaved, in one run;
# CPU is that of PostgreSQL's processes. Also what it does to full text search, with and without its index.
#
#   cargo run -p trellis-local -- test bench/row_security.sh     # with servers of its own
#
# Needs pgbench and psql (PATH, or BIN), and the server on this machine. ROUNDS, READS: how much of it.
set -euo pipefail
URL=${TRELLIS_TEST_DATABASE_URL:?the superuser of a PostgreSQL on this machine, postgres://…}
ROUNDS=${ROUNDS:-9} READS=${READS:-5000}
PATH=${BIN:+$BIN:}$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
HERE=$(dirname "$0")
WORK=$(mktemp -d)
SERVER=${URL%/*} ROLE=bench_row_security DATABASE=bench_row_security_$$
export PGOPTIONS="-c client_min_messages=warning"
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" "${@:2}"; }
finish() { sql "$URL" -c "DROP DATABASE IF EXISTS $DATABASE WITH (FORCE)" -c "DROP ROLE IF EXISTS $ROLE"; rm -rf "$WORK"; }
trap finish EXIT

sql "$URL" -c "CREATE DATABASE $DATABASE" -c "DROP ROLE IF EXISTS $ROLE" -c "CREATE ROLE $ROLE LOGIN PASSWORD 'bench'"
AS_SUPERUSER=$SERVER/$DATABASE
HOST=${SERVER#*://}
AS_RUNTIME=postgres://$ROLE:bench@${HOST##*@}/$DATABASE
for migration in "$HERE"/../services/project/migrations/*.sql; do sql "$AS_SUPERUSER" -f "$migration"; done
# 200 organizations with 1,000 tasks each; one of them has 50,000.
sql "$AS_SUPERUSER" <<'S'
INSERT INTO tenants SELECT md5('o' || o)::uuid FROM generate_series(1, 200) o;
INSERT INTO projects (org_id, id, name, slug, key, description, status, last_number, task_count)
SELECT md5('o' || o)::uuid, md5('p' || o || '-' || p)::uuid, 'Project ' || p, 'project-' || p, 'K' || p, '', 'ACTIVE', 100, 100
FROM generate_series(1, 200) o, generate_series(1, 10) p;
INSERT INTO scopes SELECT id, 100, 0 FROM projects;
INSERT INTO tasks (org_id, id, project_id, number, title, description, status, created_by, created_at)
SELECT md5('o' || o)::uuid, md5('t' || o || '-' || p || '-' || t)::uuid, md5('p' || o || '-' || p)::uuid, t, 'Task ' || t,
       'About word' || ((o * 7919 + p * 104729 + t * 31) % 5000) || repeat(' lorem ipsum', 10), 'TODO', md5('u')::uuid,
       now() - t * interval '1 min'
FROM generate_series(1, 200) o, generate_series(1, 10) p, generate_series(1, 100) t;
INSERT INTO tasks (org_id, id, project_id, number, title, description, status, created_by, created_at)
SELECT md5('o1')::uuid, md5('T' || t)::uuid, md5('p1-3')::uuid, 1000 + t, 'Task ' || t,
       'About word' || (t * 31 % 5000) || repeat(' lorem ipsum', 10), 'TODO', md5('u')::uuid, now() - t * interval '1 min'
FROM generate_series(1, 50000) t;
VACUUM ANALYZE;
S
sql "$AS_SUPERUSER" -c "GRANT SELECT ON ALL TABLES IN SCHEMA public TO $ROLE"
ORG=$(sql "$AS_SUPERUSER" -c "SELECT md5('o77')::uuid")

TASK="t.id, t.number, t.title, t.description, t.status, t.assignee_id, t.due_date, t.comment_count, t.created_by, t.created_at,
 t.updated_at, t.version, p.id AS project_id, p.slug, p.key, p.name, s.last_seq
 FROM projects p JOIN tasks t ON t.org_id = p.org_id AND t.project_id = p.id JOIN scopes s ON s.id = p.id WHERE p.org_id"
choose() { printf '\\set number random(1, 100)\n'; }
WORDS="p.key = 'K3' AND t.number = :number"
{ choose; echo "SELECT ${TASK//$'\n'/} = :org::uuid AND $WORDS;"; } >"$WORK/plain.sql"
{ choose; echo "SELECT found.* FROM (SELECT set_config('trellis.org', :org, true)::uuid AS org_id OFFSET 0) within CROSS JOIN LATERAL (SELECT ${TASK//$'\n'/} = within.org_id AND $WORDS OFFSET 0) found;"; } >"$WORK/within.sql"
{ choose; printf '\\startpipeline\nBEGIN READ ONLY;\nSELECT set_config('"'trellis.org'"', :org, true);\n\\endpipeline\n'
  echo "SELECT ${TASK//$'\n'/} = :org::uuid AND $WORDS;"; echo 'ROLLBACK;'; } >"$WORK/transaction.sql"

# PostgreSQL's own processes that have ended, and so pgbench's session, in clock ticks.
POSTMASTER=$(sql "$URL" -c "SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)")
ticks() { awk '{print $16 + $17}' "/proc/$POSTMASTER/stat"; }
measure() { # name url script
  local before latency
  before=$(ticks)
  latency=$(pgbench -n -M prepared -D "org=$ORG" -f "$WORK/$3.sql" -c 1 -t "$READS" "$2" 2>/dev/null | awk '/latency average/ {print $4}')
  sleep 0.1
  awk -v name="$1" -v latency="$latency" -v ticks=$(($(ticks) - before)) -v n="$READS" -v hz="$(getconf CLK_TCK)" \
    'BEGIN {print name "\t" latency * 1000 "\t" ticks * 1e6 / hz / n}' >>"$WORK/measured"
}
for ((round = 0; round < ROUNDS; round++)); do
  measure 'without the wall' "$AS_SUPERUSER" plain
  measure 'with it, as it is' "$AS_RUNTIME" within
  measure 'with it, by a transaction' "$AS_RUNTIME" transaction
done
median() { sort -n | awk '{all[NR] = $1} END {print all[int((NR + 1) / 2)]}'; }
echo "a read of a task, $ROUNDS × $READS of each    µs until the answer: least, median    µs of CPU: least, median"
for name in 'without the wall' 'with it, as it is' 'with it, by a transaction'; do
  of() { awk -F'\t' -v name="$name" -v column="$1" '$1 == name {print $column}' "$WORK/measured"; }
  printf '%-40s %20.0f %10.0f %28.0f %10.0f\n' "$name" "$(of 2 | sort -n | head -1)" "$(of 2 | median)" "$(of 3 | sort -n | head -1)" "$(of 3 | median)"
done

echo
echo 'search for a word among the 50,000 tasks of a project, ms in the database, five of each'
cat >"$WORK/search.sql" <<'S'
SELECT set_config('trellis.org', md5('o1')::uuid::text, false);
EXPLAIN (ANALYZE, TIMING OFF) SELECT * FROM tasks WHERE org_id = md5('o1')::uuid AND project_id = md5('p1-3')::uuid
 AND search @@ (SELECT websearch_to_tsquery('simple', 'word31')) ORDER BY created_at DESC, id DESC LIMIT 51;
S
search() { # name url
  local i
  for i in 1 2 3 4 5; do sql "$2" -f "$WORK/search.sql" | awk '/Execution Time/ {print $3}'; done | median |
    xargs printf '%-40s %20.1f\n' "$1"
}
search 'without the wall' "$AS_SUPERUSER"
search 'with it, @@ not known as leakproof' "$AS_RUNTIME"
sql "$AS_SUPERUSER" -c 'ALTER FUNCTION ts_match_vq (tsvector, tsquery) LEAKPROOF'
search 'with it, as deploy/postgres provisions' "$AS_RUNTIME"
