# Installs the packages named as arguments without starting or creating any server of the system's own.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Debian starts a server when its package is installed; policy-rc.d is its means to say no. Only ours is removed.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/trellis-local.conf
cleanup() { rm -f "$cluster"; [ "${own_policy:-no}" = no ] || rm -f "$policy"; }
trap cleanup EXIT
if [ ! -e "$policy" ]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
# No `main` cluster on port 5432 either: Trellis starts an instance of its own.
mkdir -p "$(dirname "$cluster")"
echo 'create_main_cluster = false' > "$cluster"

apt-get install -y --no-install-recommends "$@" || { apt-get update && apt-get install -y --no-install-recommends "$@"; }
