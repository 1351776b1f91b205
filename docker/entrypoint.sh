#!/bin/sh
# What every part of the image starts with. `init` makes or upgrades Airflow's tables, the ledger and the home; anything
# else is run as it is given.
#
# Secrets come as files in /run/secrets. /run/secrets/postgres_NAME holds the password of the database user NAME; libpq
# takes a file of passwords only when nobody else may read it, so one is written to the container's own memory.
set -eu
secrets=${SALUR_SECRETS:-/run/secrets}
mkdir -p "$AIRFLOW_HOME/config"
# Loaded once by the scheduler, so that no task need load it again.
echo 'import treasury.desk.warm  # noqa: F401' > "$AIRFLOW_HOME/config/airflow_local_settings.py"

(
    umask 077
    : > "$AIRFLOW_HOME/pgpass"
    for file in "$secrets"/postgres_*; do
        [ -r "$file" ] || continue
        printf '*:*:*:%s:%s\n' "${file##*/postgres_}" "$(sed 's/[\\:]/\\&/g' "$file")" >> "$AIRFLOW_HOME/pgpass"
    done
    # Airflow's simple auth manager opens its file for writing, which a secret is not.
    [ ! -r "$secrets/airflow_passwords" ] || cat "$secrets/airflow_passwords" > "$AIRFLOW_HOME/passwords.json"
)
export PGPASSFILE="$AIRFLOW_HOME/pgpass"

if [ "${1:-}" = init ]; then
    airflow db migrate
    python "$(dirname "$0")/owner.py"
    exec salur init --ledger "$SALUR_LEDGER"
fi
exec "$@"
