#!/bin/sh
# Run once by PostgreSQL's image, on an empty data folder: a database and its owner for Airflow, and for the ledger another, with
# a user who owns nothing for what pays. No user sees the other's database.
set -eu
secrets=${SALUR_SECRETS:-/run/secrets}
run() { psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --quiet "$@"; }
for name in airflow salur_owner salur; do
    secret="$secrets/postgres_$name" run --set=name="$name" <<'SQL'
\set password `cat "$secret"`
create role :"name" login password :'password';
SQL
done
run <<'SQL'
create database airflow owner airflow encoding 'UTF8' template template0;
create database salur owner salur_owner encoding 'UTF8' template template0;
revoke all on database airflow from public;
revoke all on database salur from public;
-- What these may do is in ledger/roles.sql, which the owner runs. On one machine one user is both the pipeline and the desk.
create role salur_pipeline;
create role salur_desk;
grant salur_pipeline, salur_desk to salur;
alter role salur_owner createrole;
SQL
