#!/bin/sh
# usage: sh docker/secrets.sh [FOLDER]
# Draws the secrets of a composition once, one file each, into docker/secrets (or FOLDER); what is there stays as it is.
# The folder is its owner's alone. The files in it can be read by whoever gets into it: a container's own user has to.
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
drawn() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
keep() { # NAME: standard input becomes the secret, unless there is one
    [ ! -s "$folder/$1" ] || return 0
    cat > "$folder/$1.new"
    chmod 444 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "drawn: $folder/$1"
}
for name in postgres_postgres postgres_airflow postgres_salur postgres_salur_owner airflow_jwt airflow_session; do
    drawn | keep "$name"
done
head -c 32 /dev/urandom | base64 | tr '+/' '-_' | keep airflow_fernet
printf '{"maker": "%s", "checker": "%s", "auditor": "%s", "admin": "%s"}\n' "$(drawn)" "$(drawn)" "$(drawn)" "$(drawn)" |
    keep airflow_passwords
