#!/bin/sh
# Makes the secrets that docker-compose.yml and docker-compose.tls.yml mount, under deploy/secrets/. What is there
# already stays.
#
# The folder is closed to other users; the files in it are readable, since containers read them as a user of their own.
set -eu

cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
cd secrets

command -v openssl >/dev/null || { echo "secrets.sh needs openssl" >&2; exit 1; }

write() { # name, value
    [ -e "$1" ] || { printf '%s' "$2" > "$1"; chmod 444 "$1"; }
}
random() { openssl rand -hex 32; }

write postgres_password "$(random)"
write token_secret "$(random)"
write invitation_secret "$(random)"

for service in identity org project; do
    write "${service}_owner_password" "$(random)"
    write "${service}_password" "$(random)"
    database="postgres:5432/trellis_$service"
    write "${service}_migration_database_url" \
        "postgres://trellis_${service}_owner:$(cat "${service}_owner_password")@$database"
    write "${service}_database_url" "postgres://trellis_$service:$(cat "${service}_password")@$database"
done

# Each process signs its own calls with an Ed25519 key; all know the public halves. In DER, the last 32 bytes of a
# private key are its seed, those of a public key the key.
peers=
for process in gateway identity org project; do
    if [ ! -e "${process}_service_key" ]; then
        openssl genpkey -algorithm ed25519 -outform DER -out "$process.der"
        write "${process}_service_key" "$(tail -c 32 "$process.der" | base64)"
        rm -f peer_keys
    else
        # The fixed head of an Ed25519 private key in DER, then the seed.
        { printf '\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040'; base64 -d "${process}_service_key"; } > "$process.der"
    fi
    public=$(openssl pkey -inform DER -in "$process.der" -pubout -outform DER | tail -c 32 | base64)
    rm -f "$process.der"
    peers="$peers${peers:+,}$process=$public"
done
write peer_keys "$peers"

# Certificates for TLS between the processes: an authority of our own, and for each process one by which the others
# find it ("org") and which names it ("trellis-org"). They last a year; `rm -f deploy/secrets/*_tls_*` and this makes new
# ones of the same authority. The authority's key is read by nobody but this script.
if [ ! -e tls_authority ]; then
    rm -f ./*_tls_certificate ./*_tls_key tls_authority_key
    (umask 277; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out tls_authority_key 2>/dev/null)
    openssl req -x509 -new -key tls_authority_key -sha256 -days 3650 -subj "/CN=Trellis" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign" -out tls_authority
    chmod 444 tls_authority
fi
for process in gateway identity org project; do
    [ ! -e "${process}_tls_certificate" ] || continue
    rm -f "${process}_tls_key"
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "${process}_tls_key"
    printf '%s\n' "subjectAltName=DNS:$process,DNS:$process-2,DNS:trellis-$process" "basicConstraints=critical,CA:FALSE" \
        "keyUsage=critical,digitalSignature" "extendedKeyUsage=serverAuth,clientAuth" > extensions.tmp
    openssl req -new -key "${process}_tls_key" -subj "/CN=trellis-$process" -out request.tmp
    # openssl says "ok" where errors belong; they are shown where it was none.
    openssl x509 -req -in request.tmp -CA tls_authority -CAkey tls_authority_key -set_serial "0x$(openssl rand -hex 16)" \
        -sha256 -days 365 -extfile extensions.tmp -out certificate.tmp 2> errors.tmp || { cat errors.tmp >&2; exit 1; }
    chmod 444 certificate.tmp "${process}_tls_key"
    # Last: where it is, everything is.
    mv certificate.tmp "${process}_tls_certificate"
    rm -f extensions.tmp request.tmp errors.tmp
done

echo "secrets are in $(pwd)"
