-- The journal of a store that is being moved: a table that triggers write the place of each change into. Tables and triggers are there only
-- while it is on, so these functions name them only when they run.

CREATE OR REPLACE FUNCTION journal_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO journal(kind, bucket_id, name) VALUES ('key', OLD.bucket_id, OLD.key);
    ELSE
        INSERT INTO journal(kind, bucket_id, name) VALUES ('key', NEW.bucket_id, NEW.key);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION journal_upload() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO journal(kind, bucket_id, name) VALUES ('upload', 0, convert_to(OLD.upload_id, 'UTF8'));
    ELSE
        INSERT INTO journal(kind, bucket_id, name) VALUES ('upload', 0, convert_to(NEW.upload_id, 'UTF8'));
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION journal_par() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO journal(kind, bucket_id, name) VALUES ('par', OLD.bucket_id, convert_to(OLD.id, 'UTF8'));
    ELSE
        INSERT INTO journal(kind, bucket_id, name) VALUES ('par', NEW.bucket_id, convert_to(NEW.id, 'UTF8'));
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION journal_triggers() RETURNS TABLE(relation text, called text) LANGUAGE sql IMMUTABLE AS $$
    VALUES ('live', 'journal_version'), ('history', 'journal_version'), ('uploads', 'journal_upload'), ('parts', 'journal_upload'),
        ('pars', 'journal_par')
$$;

-- Moving.begin_journal. While no step is under way: each of them shares the store's lock until it is committed, so what was not committed
-- before finds the triggers. No reader is held up; what holds up the locks of the tables (an index that is being made) is waited for briefly.
CREATE OR REPLACE FUNCTION begin_journal(p_mark text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    PERFORM set_config('lock_timeout', '3000', true);
    PERFORM pg_advisory_xact_lock(store_lock());
    DROP TABLE IF EXISTS journal, journal_mark;
    CREATE TABLE journal(
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL,
        bucket_id bigint NOT NULL,
        name bytea NOT NULL);
    CREATE TABLE journal_mark(mark text NOT NULL);
    INSERT INTO journal_mark VALUES (p_mark);
    FOR r IN SELECT * FROM journal_triggers() LOOP
        IF EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass(r.relation) AND tgname = 'journal') THEN
            EXECUTE format('ALTER TABLE %I ENABLE TRIGGER journal', r.relation);
        ELSE
            EXECUTE format('CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION %I()', r.relation, r.called);
        END IF;
    END LOOP;
END
$$;

-- Moving.end_journal. To remove a trigger readers must be kept away for a moment; where one of them takes long (a dump), it is switched off.
CREATE OR REPLACE FUNCTION end_journal() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    IF to_regclass('journal') IS NULL AND NOT EXISTS (
        SELECT 1 FROM journal_triggers() AS j JOIN pg_trigger AS t ON t.tgrelid = to_regclass(j.relation) WHERE t.tgname = 'journal')
    THEN
        RETURN;
    END IF;
    PERFORM set_config('lock_timeout', '3000', true);
    PERFORM pg_advisory_xact_lock(store_lock());
    FOR r IN SELECT j.relation FROM journal_triggers() AS j JOIN pg_trigger AS t ON t.tgrelid = to_regclass(j.relation)
             WHERE t.tgname = 'journal' LOOP
        BEGIN
            PERFORM set_config('lock_timeout', '100', true);
            EXECUTE format('DROP TRIGGER journal ON %I', r.relation);
        EXCEPTION WHEN lock_not_available THEN
            PERFORM set_config('lock_timeout', '3000', true);
            EXECUTE format('ALTER TABLE %I DISABLE TRIGGER journal', r.relation);
        END;
    END LOOP;
    DROP TABLE IF EXISTS journal, journal_mark;
END
$$;

-- Moving.journal: nothing unless each trigger is there and on (a change of the schema could have dropped some).
CREATE OR REPLACE FUNCTION journal_now() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('journal_mark') IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM journal_triggers() AS j WHERE NOT EXISTS (
            SELECT 1 FROM pg_trigger AS t WHERE t.tgrelid = to_regclass(j.relation) AND t.tgname = 'journal' AND t.tgenabled = 'O'))
    THEN
        RETURN QUERY SELECT mark FROM journal_mark;
    END IF;
END
$$;

-- Moving.changes: one row of NULLs where no journal is on.
CREATE OR REPLACE FUNCTION journal_page(p_after bigint, p_limit bigint)
RETURNS TABLE(number bigint, kind text, bucket_id bigint, name bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF to_regclass('journal') IS NULL THEN
        RETURN NEXT;
    ELSE
        RETURN QUERY SELECT j.number, j.kind, j.bucket_id, j.name FROM journal AS j WHERE j.number > p_after ORDER BY j.number LIMIT p_limit;
    END IF;
END
$$;

-- Moving.forget
CREATE OR REPLACE FUNCTION journal_forget(p_mark text, p_numbers bigint[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hold_store();
    IF to_regclass('journal_mark') IS NULL THEN
        RETURN 0;
    ELSIF is_frozen() THEN
        RETURN 10;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM journal_mark WHERE mark = p_mark) THEN
        RETURN 0;
    END IF;
    DELETE FROM journal WHERE number = ANY (p_numbers);
    RETURN 0;
END
$$;
