-- Who may do what in the ledger's database, and nothing more: three roles, to be granted to the users that log in.
--
--   salur_pipeline  the steps: adds rows to every table but those in which people act
--   salur_desk      people: consent, rejection, holds, stops and cases
--   salur_auditor   reads, and reads only (but for what the end of this file says)
--
-- None of them changes or removes a row, or makes or alters a table: that is the owner's, who makes and upgrades the ledger
-- (salur init, salur upgrade) and runs this file, as often as wished, and again after every upgrade:
--
--   psql --set=ON_ERROR_STOP=1 --single-transaction --file=ledger/roles.sql salur
--   CREATE ROLE worker LOGIN IN ROLE salur_pipeline;

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['salur_pipeline', 'salur_desk', 'salur_auditor'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- it is there: roles belong to the server, not to one database of it
        END;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO salur_pipeline, salur_desk, salur_auditor', current_database());
    -- Rows that may be known already pass through a table of the session.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO salur_pipeline', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO salur_pipeline, salur_desk, salur_auditor;

-- From nothing, so that a right that is no longer listed here is taken away.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, salur_pipeline, salur_desk, salur_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO salur_pipeline, salur_desk, salur_auditor;

GRANT INSERT ON ALL TABLES IN SCHEMA public TO salur_pipeline;
-- No step consents, holds or stops in a person's place; the version is the owner's.
REVOKE INSERT ON consents, holds, brakes, schema_versions FROM salur_pipeline;

-- release, reject: consents, events, file_states, attempt_ends. hold, stop: holds, brakes. Cases: exception_acts, and the
-- consent of two that is given and spent at once.
GRANT INSERT ON consents, consent_uses, holds, brakes, exception_acts, events, file_states, attempt_ends TO salur_desk;

-- What every user of a PostgreSQL may do besides, and nobody needs here: hold the locks that writers wait for, and keep large
-- objects. These functions are the server's: where the file is run by another than a superuser, each of these lines is a
-- warning and changes nothing, and whoever can log in can keep writers waiting (never change or read more than above).
DO $$
DECLARE
    lock text;
BEGIN
    FOR lock IN
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
        AND proname ~ '^(pg_(try_)?advisory_(xact_)?lock(_shared)?|lo_creat|lo_create|lo_from_bytea)$'
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', lock);
        IF lock ~ 'advisory' AND lock !~ 'shared' THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO CURRENT_USER, salur_pipeline, salur_desk', lock);
        END IF;
    END LOOP;
END $$;
