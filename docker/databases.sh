#!/bin/sh
# Run once by PostgreSQL's image, on an empty data folder: a user and a database for Airflow, and one for the ledger. Neither
# user sees the other's database.
set -eu
secrets=${SALUR_SECRETS:-/run/secrets}
for name in airflow salur; do
    psql --set=ON_ERROR_STOP=1 --set=name="$name" --set=password="$(cat "$secrets/postgres_$name")" \
        --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --quiet <<'SQL'
create role :"name" login nosuperuser nocreatedb nocreaterole password :'password';
create database :"name" owner :"name" encoding 'UTF8' template template0;
revoke all on database :"name" from public;
SQL
done
