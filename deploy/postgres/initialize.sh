#!/bin/sh
# First start of the PostgreSQL container: one database and two roles per service. Passwords come from secrets.
set -eu

for service in identity org project; do
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --set=database="trellis_$service" \
        --set=owner="trellis_${service}_owner" \
        --set=owner_password="$(cat "/run/secrets/${service}_owner_password")" \
        --set=runtime="trellis_$service" \
        --set=runtime_password="$(cat "/run/secrets/${service}_password")" \
        --file /provision/provision.sql
done
