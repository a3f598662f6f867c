-- The steps on buckets, uploads, parts, pre-authenticated requests and documents; `status` as in functions_versions.sql.

-- Catalog.create_bucket: the number is the caller's, so that the document can hold it.
CREATE OR REPLACE FUNCTION create_bucket(p_id bigint, p_namespace text, p_name text, p_owner text, p_doc bytea)
RETURNS TABLE(status integer, doc bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM hold_store();
    SELECT b.doc INTO doc FROM buckets AS b WHERE b.namespace = p_namespace AND b.name = p_name;
    IF FOUND THEN
        status := 7; RETURN NEXT; RETURN;
    ELSIF is_frozen() THEN
        status := 10; RETURN NEXT; RETURN;
    END IF;
    INSERT INTO buckets VALUES (p_id, p_namespace, p_name, p_owner, 1, p_doc) ON CONFLICT (namespace, name) DO NOTHING;
    status := 0;
    IF NOT FOUND THEN
        status := 7;
        SELECT b.doc INTO doc FROM buckets AS b WHERE b.namespace = p_namespace AND b.name = p_name;
    END IF;
    RETURN NEXT;
END
$$;

-- Catalog.change_bucket: `p_doc` is made of the document of revision `p_revision`.
CREATE OR REPLACE FUNCTION change_bucket(p_id bigint, p_revision bigint, p_doc bytea) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    now_revision bigint;
BEGIN
    PERFORM hold_store();
    PERFORM pg_advisory_xact_lock(p_id);
    SELECT revision INTO now_revision FROM buckets WHERE id = p_id;
    IF now_revision IS DISTINCT FROM p_revision THEN
        RETURN CASE WHEN now_revision IS NULL THEN 1 ELSE 2 END;
    END IF;
    IF is_frozen() THEN
        RETURN 10;
    END IF;
    UPDATE buckets SET revision = p_revision + 1, doc = p_doc WHERE id = p_id;
    RETURN 0;
END
$$;

-- Catalog.delete_bucket. Status 8: it holds versions; 9: `pars` requests still lead to it.
CREATE OR REPLACE FUNCTION delete_bucket(p_id bigint)
RETURNS TABLE(status integer, pars bigint, unneeded bytea[], unneeded_bytes bigint[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    more record;
BEGIN
    PERFORM hold_store();
    PERFORM pg_advisory_xact_lock(p_id);
    pars := 0;
    IF NOT EXISTS (SELECT 1 FROM buckets WHERE id = p_id) THEN
        status := 1; RETURN NEXT; RETURN;
    ELSIF EXISTS (SELECT 1 FROM live WHERE bucket_id = p_id) OR EXISTS (SELECT 1 FROM history WHERE bucket_id = p_id) THEN
        status := 8; RETURN NEXT; RETURN;
    END IF;
    SELECT count(*) INTO pars FROM pars AS p WHERE p.bucket_id = p_id;
    IF pars > 0 THEN
        status := 9; RETURN NEXT; RETURN;
    END IF;
    IF is_frozen() THEN
        status := 10; RETURN NEXT; RETURN;
    END IF;
    SELECT * INTO more FROM release_parts(ARRAY(SELECT upload_id FROM uploads WHERE bucket_id = p_id));
    unneeded := more.unneeded; unneeded_bytes := more.unneeded_bytes;
    DELETE FROM uploads WHERE bucket_id = p_id;
    DELETE FROM buckets WHERE id = p_id;
    status := 0;
    RETURN NEXT;
END
$$;

-- Takes the parts of uploads away.
CREATE OR REPLACE FUNCTION release_parts(p_uploads text[], OUT unneeded bytea[], OUT unneeded_bytes bigint[]) LANGUAGE plpgsql AS $$
DECLARE
    more record;
BEGIN
    SELECT * INTO more FROM release(0,
        (SELECT array_agg(i) FROM parts, unnest(inline_ids) AS i WHERE upload_id = ANY (p_uploads)),
        (SELECT array_agg(b) FROM parts, unnest(blob_ids) AS b WHERE upload_id = ANY (p_uploads)));
    unneeded := more.unneeded; unneeded_bytes := more.unneeded_bytes;
    DELETE FROM parts WHERE upload_id = ANY (p_uploads);
END
$$;

-- Catalog.start_upload
CREATE OR REPLACE FUNCTION start_upload(p_bucket bigint, p_revision bigint, p_key bytea, p_initiated bigint, p_upload text, p_doc bytea)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    entered integer := enter_bucket(p_bucket, p_revision, NULL);
BEGIN
    IF entered <> 0 THEN
        RETURN entered;
    END IF;
    IF EXISTS (SELECT 1 FROM uploads WHERE upload_id = p_upload) THEN
        RETURN 7;
    END IF;
    IF is_frozen() THEN
        RETURN 10;
    END IF;
    INSERT INTO uploads VALUES (p_bucket, p_key, p_initiated, p_upload, p_doc) ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN 0 ELSE 7 END;
END
$$;

-- Catalog.add_part
CREATE OR REPLACE FUNCTION add_part(
    p_bucket bigint, p_key bytea, p_upload text, p_lock bigint, p_number bigint, p_doc bytea, p_blobs bytea[], p_blob_bytes bigint[],
    p_shared bytea[], p_inlines bigint[], p_bodies bytea[], p_sources bigint[])
RETURNS TABLE(status integer, unneeded bytea[], unneeded_bytes bigint[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    old parts%ROWTYPE;
    more record;
BEGIN
    PERFORM hold_store();
    PERFORM pg_advisory_xact_lock_shared(p_bucket);
    PERFORM pg_advisory_xact_lock(p_lock);
    IF NOT EXISTS (SELECT 1 FROM uploads WHERE upload_id = p_upload AND bucket_id = p_bucket AND key = p_key) THEN
        status := 6; RETURN NEXT; RETURN;
    END IF;
    IF (p_shared IS NOT NULL OR p_sources IS NOT NULL) AND NOT are_there(p_shared, p_sources) THEN
        status := 4; RETURN NEXT; RETURN;
    END IF;
    IF is_frozen() THEN
        status := 10; RETURN NEXT; RETURN;
    END IF;
    PERFORM retain(p_blobs, p_blob_bytes, p_inlines, p_bodies, p_sources);
    SELECT * INTO old FROM parts WHERE upload_id = p_upload AND number = p_number;
    IF FOUND THEN
        SELECT * INTO more FROM release(0, old.inline_ids, old.blob_ids);
        unneeded := more.unneeded; unneeded_bytes := more.unneeded_bytes;
        UPDATE parts SET doc = p_doc, blob_ids = p_blobs, blob_bytes = p_blob_bytes, inline_ids = p_inlines
        WHERE upload_id = p_upload AND number = p_number;
    ELSE
        INSERT INTO parts VALUES (p_upload, p_number, p_doc, p_blobs, p_blob_bytes, p_inlines);
    END IF;
    status := 0;
    RETURN NEXT;
END
$$;

-- Catalog.abort_upload
CREATE OR REPLACE FUNCTION abort_upload(p_bucket bigint, p_key bytea, p_upload text, p_lock bigint)
RETURNS TABLE(status integer, unneeded bytea[], unneeded_bytes bigint[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    more record;
BEGIN
    PERFORM hold_store();
    PERFORM pg_advisory_xact_lock_shared(p_bucket);
    PERFORM pg_advisory_xact_lock(p_lock);
    IF NOT EXISTS (SELECT 1 FROM uploads WHERE upload_id = p_upload AND bucket_id = p_bucket AND key = p_key) THEN
        status := 6; RETURN NEXT; RETURN;
    END IF;
    IF is_frozen() THEN
        status := 10; RETURN NEXT; RETURN;
    END IF;
    DELETE FROM uploads WHERE upload_id = p_upload;
    SELECT * INTO more FROM release_parts(ARRAY[p_upload]);
    unneeded := more.unneeded; unneeded_bytes := more.unneeded_bytes;
    status := 0;
    RETURN NEXT;
END
$$;

-- Pars.create_par: its number, or status 1 or 7.
CREATE OR REPLACE FUNCTION create_par(p_bucket bigint, p_id text, p_target bytea, p_expires bigint, p_digest bytea, p_doc bytea, p_given bigint)
RETURNS TABLE(status integer, par bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hold_store();
    PERFORM pg_advisory_xact_lock_shared(p_bucket);
    IF NOT EXISTS (SELECT 1 FROM buckets WHERE id = p_bucket) THEN
        status := 1; RETURN NEXT; RETURN;
    END IF;
    IF EXISTS (SELECT 1 FROM pars WHERE digest = p_digest) OR EXISTS (SELECT 1 FROM pars WHERE bucket_id = p_bucket AND id = p_id) THEN
        status := 7; RETURN NEXT; RETURN;
    END IF;
    IF is_frozen() THEN
        status := 10; RETURN NEXT; RETURN;
    END IF;
    par := CASE WHEN p_given > 0 AND is_filling() THEN p_given ELSE nextval('par_numbers') END;
    INSERT INTO pars VALUES (par, p_bucket, p_id, p_target, p_expires, p_digest, p_doc) ON CONFLICT DO NOTHING;
    status := CASE WHEN FOUND THEN 0 ELSE 7 END;
    RETURN NEXT;
END
$$;

-- Pars.delete_par: status 5 when there is none.
CREATE OR REPLACE FUNCTION delete_par(p_bucket bigint, p_id text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM hold_store();
    IF NOT EXISTS (SELECT 1 FROM pars WHERE bucket_id = p_bucket AND id = p_id) THEN
        RETURN 5;
    END IF;
    IF is_frozen() THEN
        RETURN 10;
    END IF;
    DELETE FROM pars WHERE bucket_id = p_bucket AND id = p_id RETURNING number INTO gone;
    DELETE FROM par_uploads WHERE par = gone;
    RETURN CASE WHEN gone IS NULL THEN 5 ELSE 0 END;
END
$$;

CREATE OR REPLACE FUNCTION create_par_upload(p_digest bytea, p_par bigint, p_upload text, p_created bigint, p_doc bytea)
RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hold_store();
    PERFORM 1 FROM pars WHERE number = p_par FOR SHARE;
    IF NOT FOUND THEN
        RETURN 1;
    ELSIF EXISTS (SELECT 1 FROM par_uploads WHERE digest = p_digest) THEN
        RETURN 7;
    END IF;
    IF is_frozen() THEN
        RETURN 10;
    END IF;
    INSERT INTO par_uploads VALUES (p_digest, p_par, p_upload, p_created, p_doc) ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN 0 ELSE 7 END;
END
$$;

-- Pars.purge_pars: how many it removed, or -1 where it may remove none.
CREATE OR REPLACE FUNCTION purge_pars(p_before bigint, p_limit bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    removed bigint;
    more bigint;
BEGIN
    PERFORM hold_store();
    IF is_frozen() THEN
        RETURN -1;
    END IF;
    WITH old AS (DELETE FROM pars WHERE number IN (SELECT number FROM pars WHERE expires_ms < p_before ORDER BY expires_ms, number LIMIT p_limit)
                 RETURNING number),
         theirs AS (DELETE FROM par_uploads WHERE par IN (SELECT number FROM old))
    SELECT count(*) INTO removed FROM old;
    WITH old AS (DELETE FROM par_uploads WHERE digest IN (
                    SELECT p.digest FROM par_uploads AS p WHERE p.created_ms < p_before
                    AND NOT EXISTS (SELECT 1 FROM uploads AS u WHERE u.upload_id = p.upload_id) ORDER BY p.created_ms, p.digest LIMIT p_limit)
                 RETURNING 1)
    SELECT count(*) INTO more FROM old;
    RETURN removed + more;
END
$$;

-- Registry.put and put_all: all or none. Status 2: another revision; 7: it is there (`at` says which one of them).
CREATE OR REPLACE FUNCTION put_documents(p_kinds text[], p_names text[], p_values bytea[], p_revisions bigint[])
RETURNS TABLE(status integer, at bigint, revision bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    i integer;
    found_revision bigint;
BEGIN
    PERFORM hold_store();
    PERFORM pg_advisory_xact_lock(hashtextextended('holdfast registry ' || current_schema(), 0));
    FOR i IN 1 .. cardinality(p_kinds) LOOP
        SELECT d.revision INTO found_revision FROM documents AS d WHERE d.kind = p_kinds[i] AND d.name = p_names[i];
        at := i - 1;
        IF p_revisions[i] = 0 AND FOUND THEN
            status := 7; RETURN NEXT; RETURN;
        ELSIF p_revisions[i] > 0 AND found_revision IS DISTINCT FROM p_revisions[i] THEN
            status := 2; RETURN NEXT; RETURN;
        END IF;
    END LOOP;
    IF is_frozen() THEN
        status := 10; RETURN NEXT; RETURN;
    END IF;
    FOR i IN 1 .. cardinality(p_kinds) LOOP
        INSERT INTO documents AS d VALUES (p_kinds[i], p_names[i], p_values[i], 1)
        ON CONFLICT (kind, name) DO UPDATE SET value = EXCLUDED.value, revision = d.revision + 1 RETURNING d.revision INTO revision;
    END LOOP;
    PERFORM registry_changed();
    status := 0;
    RETURN NEXT;
END
$$;

-- Registry.delete: status 5 when there is none.
CREATE OR REPLACE FUNCTION delete_document(p_kind text, p_name text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hold_store();
    PERFORM pg_advisory_xact_lock(hashtextextended('holdfast registry ' || current_schema(), 0));
    IF NOT EXISTS (SELECT 1 FROM documents WHERE kind = p_kind AND name = p_name) THEN
        RETURN 5;
    END IF;
    IF is_frozen() THEN
        RETURN 10;
    END IF;
    DELETE FROM documents WHERE kind = p_kind AND name = p_name;
    PERFORM registry_changed();
    RETURN 0;
END
$$;

-- Counts a change of identities and tells everybody who listens; whoever does not hear it finds the counter changed.
CREATE OR REPLACE FUNCTION registry_changed() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE counters SET value = value + 1 WHERE name = 'registry';
    PERFORM pg_notify('holdfast_' || md5(current_schema()), '');
END
$$;

-- Whether pages can be added and a commit is durable: what is kept in free pages would tell nothing of a full disk.
CREATE OR REPLACE FUNCTION probe() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hold_store();
    TRUNCATE probes;
    INSERT INTO probes SELECT decode(repeat('5a', 7000), 'hex') FROM generate_series(1, 16);
END
$$;

-- A background job is done by one gateway at a time: true when the caller has it for the next p_seconds.
CREATE OR REPLACE FUNCTION take_lease(p_name text, p_holder text, p_seconds bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO leases AS l VALUES (p_name, p_holder, clock_timestamp() + make_interval(secs => p_seconds))
    ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
    WHERE l.holder = EXCLUDED.holder OR l.until < clock_timestamp();
    RETURN FOUND;
END
$$;

-- What moving a store needs: numbers that are not given again, and documents and buckets placed as they are (only by who fills).
CREATE OR REPLACE FUNCTION raise_counters(p_bucket bigint, p_par bigint, p_seq bigint) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    IF is_filling() IS NOT TRUE THEN
        RETURN 10;
    END IF;
    PERFORM setval('bucket_ids', greatest(p_bucket, (SELECT last_value FROM bucket_ids))) WHERE p_bucket > 0;
    PERFORM setval('par_numbers', greatest(p_par, (SELECT last_value FROM par_numbers))) WHERE p_par > 0;
    PERFORM setval('version_order', greatest(p_seq, (SELECT last_value FROM version_order))) WHERE p_seq > 0;
    RETURN 0;
END
$$;

CREATE OR REPLACE FUNCTION place_document(p_kind text, p_name text, p_value bytea, p_revision bigint) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM hold_store();
    IF is_filling() IS NOT TRUE THEN
        RETURN 10;
    END IF;
    INSERT INTO documents VALUES (p_kind, p_name, p_value, p_revision)
    ON CONFLICT (kind, name) DO UPDATE SET value = EXCLUDED.value, revision = EXCLUDED.revision;
    PERFORM registry_changed();
    RETURN 0;
END
$$;

CREATE OR REPLACE FUNCTION place_bucket(p_id bigint, p_namespace text, p_name text, p_owner text, p_revision bigint, p_doc bytea)
RETURNS TABLE(status integer, doc bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM hold_store();
    PERFORM pg_advisory_xact_lock(p_id);
    SELECT b.doc INTO doc FROM buckets AS b WHERE b.namespace = p_namespace AND b.name = p_name AND b.id <> p_id;
    IF FOUND THEN
        status := 7; RETURN NEXT; RETURN;
    ELSIF is_filling() IS NOT TRUE THEN
        status := 10; RETURN NEXT; RETURN;
    END IF;
    INSERT INTO buckets VALUES (p_id, p_namespace, p_name, p_owner, p_revision, p_doc)
    ON CONFLICT (id) DO UPDATE SET namespace = EXCLUDED.namespace, name = EXCLUDED.name, owner = EXCLUDED.owner,
        revision = EXCLUDED.revision, doc = EXCLUDED.doc;
    status := 0;
    RETURN NEXT;
END
$$;
