#!/usr/bin/env bash
# Puts holes into a copy of the sources, one at a time, and wants the attack matrix to turn red at each: `make mutants`,
# which gives it PostgreSQL and NATS. By hand and not in CI: it builds our own crates once more.
#
# With `--plant` it stops where all are planted, which CI does; with `--build` after the build; with names of holes it
# tries those alone.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/holes.sh
. "$root/tests/holes.sh"
copy_sources mutants

authn=services/kit/authn/src
hole expiry "$authn/jwt.rs" \
  'now <= expires_at.saturating_add(LEEWAY)' \
  'hole_is_open("expiry") || now <= expires_at.saturating_add(LEEWAY)'
hole audience "$authn/jwt.rs" \
  'validation.set_audience(&[audience]);' \
  'if hole_is_open("audience") { validation.validate_aud = false } else { validation.set_audience(&[audience]) };'
hole issuer "$authn/jwt.rs" \
  'validation.set_issuer(&[issuer]);' \
  'if !hole_is_open("issuer") { validation.set_issuer(&[issuer]) };'
hole type "$authn/jwt.rs" \
  'named.eq_ignore_ascii_case(typ);' \
  '(hole_is_open("type") || named.eq_ignore_ascii_case(typ));'
hole signature "$authn/jwt.rs" \
  'validation.validate_exp = false;' \
  'validation.validate_exp = false;
    if hole_is_open("signature") { return Some(jsonwebtoken::dangerous::insecure_decode::<T>(token).ok()?.claims); }'
hole revocation "$authn/sessions.rs" \
  'if known.ended.contains_key(&verified.session) {' \
  'if !hole_is_open("revocation") && known.ended.contains_key(&verified.session) {'
hole peers "$authn/caller.rs" \
  'Self::Service(name) if peers.contains(name)' \
  'Self::Service(name) if hole_is_open("peers") || peers.contains(name)'
hole users-as-services "$authn/caller.rs" \
  'Self::User(_) => Err(Problem::new(Code::Forbidden, "This is not for users.").into()),' \
  'Self::User(_) if hole_is_open("users-as-services") => Ok(peers[0]),
            Self::User(_) => Err(Problem::new(Code::Forbidden, "This is not for users.").into()),'

org=services/org/src/ops
hole check-access "$org/access.rs" \
  'let found = access::numbered(&mut *self.log.connection().await?, path(org)?, user).await?;' \
  'let user = if hole_is_open("check-access") { super::some_admin(self.log.pool(), org, user).await? } else { user };
        let found = access::numbered(&mut *self.log.connection().await?, path(org)?, user).await?;'
hole org-member "$org/mod.rs" \
  'let access = store::access::by_slug(&mut *self.log.connection().await?, org, user).await?;' \
  'let user = if hole_is_open("org-member") { some_admin(self.log.pool(), org, user).await? } else { user };
        let access = store::access::by_slug(&mut *self.log.connection().await?, org, user).await?;'
cat >>"$org/mod.rs" <<'RUST'

async fn some_admin(pool: &sqlx::PgPool, org: &str, user: Uuid) -> Result<Uuid, Error> {
    let sql = "SELECT user_id FROM members JOIN organizations USING (org_id) WHERE slug = $1 AND role = 'ADMIN' LIMIT 1";
    let found: Option<Uuid> = sqlx::query_scalar(sql).bind(org).fetch_optional(pool).await?;
    Ok(found.unwrap_or(user))
}
RUST
hole org-admin "$org/mod.rs" \
  'Role::Member => Err(Error::Forbidden),' \
  'Role::Member if hole_is_open("org-admin") => Ok(()),
        Role::Member => Err(Error::Forbidden),'

project=services/project/src/ops
hole project-admin "$project/mod.rs" \
  'self.access.role == Role::Admin' \
  'hole_is_open("project-admin") || self.access.role == Role::Admin'
hole comment-author "$project/comments.rs" \
  'if found.author_id != member.id() {' \
  'if !hole_is_open("comment-author") && found.author_id != member.id() {'
hole gateway-organization gateway/src/auth.rs \
  'match gateway.memberships.check(&user, &org).await {' \
  'if hole_is_open("gateway-organization") { return Ok(Member { user, org }); }
    match gateway.memberships.check(&user, &org).await {'

[ "${1:-}" = --plant ] && exit 0

share_builds
cargo build --quiet --locked --package trellis-identity --package trellis-org --package trellis-project --package trellis-gateway
cargo test --quiet --locked --package trellis-tests --test attack --no-run

matrix() { # HOLE TEST LOG
  OTEL_TRELLIS_HOLE=$1 timeout 300 cargo test --quiet --locked --package trellis-tests --test attack -- --exact "$2" >"$3" 2>&1
}

[ "${1:-}" = --build ] && exit 0
logs=$copy/logs
mkdir -p "$logs"
grpc=grpc_rows::no_method_opens_to_who_may_not
rest=rest::rest
for surface in $grpc $rest; do
  matrix none "$surface" "$logs/none.log" || { echo "the matrix is red without a hole:"; tail -40 "$logs/none.log"; exit 1; }
done

green=0
printf '%-22s %-42s %s\n' hole test outcome
while read -r name surface; do
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  log=$logs/$name-${surface%%::*}.log
  if matrix "$name" "$surface" "$log"; then
    outcome='GREEN: the matrix does not see it'
    green=1
  elif outcome=$(grep -om1 -E '^[0-9]+ things are wrong' "$log"); then
    outcome="red: $outcome"
  elif outcome=$(grep -om1 -E 'within ten seconds: .*' "$log"); then
    outcome="red: not $outcome"
  else
    outcome="BROKEN: see $log"
    green=1
  fi
  printf '%-22s %-42s %s\n' "$name" "$surface" "$outcome"
done <<TABLE
expiry $grpc
expiry $rest
audience $grpc
issuer $grpc
type $grpc
signature $grpc
signature $rest
revocation $grpc
peers $grpc
users-as-services $grpc
check-access $grpc
org-member $grpc
org-admin $grpc
project-admin $grpc
comment-author $grpc
gateway-organization $rest
TABLE
exit $green
