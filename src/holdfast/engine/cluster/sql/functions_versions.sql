-- The write steps on versions. Each is called once, in one round trip; steps in flight share a transaction, so a step checks first and
-- writes last: a refusal must not have changed anything. Whoever changes a bucket holds its lock alone, whoever writes in it shares it;
-- a key has a lock of its own. `status`: 0 done, 1 the bucket is gone, 2 the bucket changed, 3 the precondition failed (with the version
-- that stood in the way), 4 a shared blob is gone, 5 the version is gone, 6 the upload is gone, 7 already there,
-- 10 the store is frozen, and this step would have changed something.

-- A store that is moved elsewhere is frozen: who freezes holds its lock alone, every step shares it, so nothing slips through. Who fills it
-- with another store's data (a setting of its session) is excepted.
CREATE OR REPLACE FUNCTION store_lock() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT hashtextextended('holdfast store ' || current_schema(), 0)
$$;

CREATE OR REPLACE FUNCTION hold_store() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(store_lock());
END
$$;

-- Takes the locks of a step in a bucket (p_lock: of its key or upload, if it needs one), and says whether the bucket is as the caller read
-- it: the status 0, 1 or 2.
CREATE OR REPLACE FUNCTION enter_bucket(p_bucket bigint, p_revision bigint, p_lock bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    now_revision bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(store_lock());
    PERFORM pg_advisory_xact_lock_shared(p_bucket);
    IF p_lock IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(p_lock);
    END IF;
    SELECT revision INTO now_revision FROM buckets WHERE id = p_bucket;
    RETURN CASE WHEN now_revision IS NULL THEN 1 WHEN now_revision <> p_revision THEN 2 ELSE 0 END;
END
$$;

CREATE OR REPLACE FUNCTION is_filling() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_setting('holdfast.filling', true) = 'on'
$$;

CREATE OR REPLACE FUNCTION is_frozen() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM frozen) AND is_filling() IS NOT TRUE;
END
$$;

-- Returns when no step that changes anything can become visible any more.
CREATE OR REPLACE FUNCTION freeze(p_reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(store_lock());
    DELETE FROM frozen;
    INSERT INTO frozen VALUES (p_reason);
END
$$;

CREATE OR REPLACE FUNCTION holds(
    v live, p_absent boolean, p_present boolean, p_etags text[], p_not_etags text[], p_seq bigint, p_size bigint, p_second bigint, p_doc bytea
) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN (v).key IS NULL THEN
        NOT (p_present OR p_etags IS NOT NULL OR p_seq IS NOT NULL OR p_size IS NOT NULL OR p_second IS NOT NULL OR p_doc IS NOT NULL)
    ELSE NOT (
        p_absent
        OR (p_etags IS NOT NULL AND NOT (v).etag = ANY (p_etags))
        OR (p_not_etags IS NOT NULL AND (v).etag = ANY (p_not_etags))
        OR (p_seq IS NOT NULL AND (v).seq <> p_seq)
        OR (p_doc IS NOT NULL AND (v).doc <> p_doc)
        OR (p_size IS NOT NULL AND (v).size <> p_size)
        OR (p_second IS NOT NULL AND (v).modified_ms / 1000 <> p_second))
    END
$$;

-- Gives references back: the blobs that nobody names any more, with their sizes in bytes.
CREATE OR REPLACE FUNCTION release(p_inline bigint, p_inlines bigint[], p_blobs bytea[], OUT unneeded bytea[], OUT unneeded_bytes bigint[])
LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    IF p_inline <> 0 THEN
        DELETE FROM inline WHERE id = p_inline;
    END IF;
    IF p_inlines IS NOT NULL THEN
        DELETE FROM inline WHERE id = ANY (p_inlines);
    END IF;
    IF p_blobs IS NOT NULL THEN
        PERFORM 1 FROM blobs WHERE id = ANY (p_blobs) ORDER BY id FOR UPDATE;
        FOR r IN SELECT b.id, b.refs - c.n AS remaining, b.size FROM (SELECT u AS id, count(*) AS n FROM unnest(p_blobs) AS u GROUP BY u) AS c
                 JOIN blobs AS b ON b.id = c.id ORDER BY b.id LOOP
            IF r.remaining > 0 THEN
                UPDATE blobs SET refs = r.remaining WHERE id = r.id;
            ELSE
                DELETE FROM blobs WHERE id = r.id;
                unneeded := unneeded || r.id;
                unneeded_bytes := unneeded_bytes || r.size;
            END IF;
        END LOOP;
    END IF;
END
$$;

-- Whether every blob that another version or part shared is still there; those that are stay until the end of the transaction.
CREATE OR REPLACE FUNCTION are_there(p_shared bytea[], p_sources bigint[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    found_ids bigint;
BEGIN
    IF p_shared IS NOT NULL THEN
        SELECT count(*) INTO found_ids FROM (SELECT 1 FROM blobs WHERE id = ANY (p_shared) ORDER BY id FOR UPDATE) AS b;
        IF found_ids <> (SELECT count(DISTINCT s) FROM unnest(p_shared) AS s) THEN
            RETURN false;
        END IF;
    END IF;
    IF p_sources IS NOT NULL THEN
        SELECT count(*) INTO found_ids FROM (SELECT 1 FROM inline WHERE id = ANY (p_sources) ORDER BY id FOR SHARE) AS i;
        IF found_ids <> (SELECT count(DISTINCT s) FROM unnest(p_sources) AS s WHERE s IS NOT NULL) THEN
            RETURN false;
        END IF;
    END IF;
    RETURN true;
END
$$;

-- Takes a reference to each blob, and keeps small bodies: new ones, or copies of others' (p_sources).
CREATE OR REPLACE FUNCTION retain(p_blobs bytea[], p_blob_bytes bigint[], p_inlines bigint[], p_bodies bytea[], p_sources bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_blobs IS NOT NULL THEN
        INSERT INTO blobs AS b SELECT u.id, count(*), max(u.size) FROM unnest(p_blobs, p_blob_bytes) AS u(id, size) GROUP BY u.id ORDER BY u.id
        ON CONFLICT (id) DO UPDATE SET refs = b.refs + EXCLUDED.refs;
    END IF;
    IF p_inlines IS NOT NULL THEN
        INSERT INTO inline SELECT u.id, coalesce(u.data, (SELECT s.data FROM inline AS s WHERE s.id = u.source))
        FROM unnest(p_inlines, p_bodies, p_sources) AS u(id, data, source);
    END IF;
END
$$;

-- Catalog.commit, and the second half of finish_upload (p_upload).
CREATE OR REPLACE FUNCTION commit_version(
    p_bucket bigint, p_revision bigint, p_lock bigint, p_key bytea, p_version text, p_modified bigint, p_size bigint, p_etag text,
    p_class text, p_owner text, p_checksum text, p_marker boolean, p_inline bigint, p_doc bytea, p_extents bytea, p_body bytea,
    p_blobs bytea[], p_blob_bytes bigint[], p_shared bytea[], p_inlines bigint[], p_bodies bytea[], p_sources bigint[],
    p_upload text, p_upload_lock bigint, p_given bigint,
    p_absent boolean, p_present boolean, p_etags text[], p_not_etags text[], p_seq bigint, p_old_size bigint, p_second bigint, p_old_doc bytea
) RETURNS TABLE(status integer, new_seq bigint, unneeded bytea[], unneeded_bytes bigint[], was_latest boolean, version live)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    old live%ROWTYPE;
    same live%ROWTYPE;
    has_old boolean;
    same_in text := '';
    held record;
    s bigint;
    more record;
BEGIN
    status := enter_bucket(p_bucket, p_revision, least(p_lock, p_upload_lock));
    IF p_upload_lock IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(greatest(p_lock, p_upload_lock));
        IF NOT EXISTS (SELECT 1 FROM uploads WHERE upload_id = p_upload AND bucket_id = p_bucket) THEN
            status := 6;
        END IF;
    END IF;
    IF status <> 0 THEN
        RETURN NEXT; RETURN;
    END IF;
    SELECT * INTO old FROM live WHERE bucket_id = p_bucket AND key = p_key;
    has_old := FOUND;
    IF p_absent IS NOT NULL AND NOT holds(old, p_absent, p_present, p_etags, p_not_etags, p_seq, p_old_size, p_second, p_old_doc) THEN
        RETURN QUERY SELECT 3, 0::bigint, NULL::bytea[], NULL::bigint[], true, old;
        RETURN;
    END IF;
    -- What stands under the new version's id.
    IF has_old AND old.version_id = p_version THEN
        same := old; same_in := 'live'; was_latest := true;
    ELSE
        SELECT * INTO same FROM history WHERE bucket_id = p_bucket AND key = p_key AND version_id = p_version;
        IF FOUND THEN
            same_in := 'history';
            was_latest := NOT has_old AND same.seq = (SELECT max(seq) FROM history WHERE bucket_id = p_bucket AND key = p_key);
        END IF;
    END IF;
    IF p_upload_lock IS NOT NULL THEN
        -- The references that the parts hold pass to the new version; only the difference is taken or given back.
        SELECT * INTO held FROM passing(p_upload, p_blobs, p_blob_bytes, p_sources);
        IF held.missing OR NOT are_there((SELECT array_agg(x) FROM unnest(held.taken) AS x WHERE x = ANY (p_shared)), NULL) THEN
            status := 4; RETURN NEXT; RETURN;
        ELSIF is_frozen() THEN
            status := 10; RETURN NEXT; RETURN;
        END IF;
        PERFORM retain(held.taken, held.taken_bytes, NULL, NULL, NULL);
        INSERT INTO inline SELECT u.id, u.data FROM unnest(p_inlines, p_bodies) AS u(id, data) WHERE u.data IS NOT NULL;
        SELECT * INTO more FROM release(0, held.freed_inlines, held.freed);
        unneeded := more.unneeded; unneeded_bytes := more.unneeded_bytes;
        DELETE FROM parts WHERE upload_id = p_upload;
        DELETE FROM uploads WHERE upload_id = p_upload;
    ELSE
        IF (p_shared IS NOT NULL OR p_sources IS NOT NULL) AND NOT are_there(p_shared, p_sources) THEN
            status := 4; RETURN NEXT; RETURN;
        ELSIF is_frozen() THEN
            status := 10; RETURN NEXT; RETURN;
        END IF;
        IF p_body IS NOT NULL THEN
            INSERT INTO inline VALUES (p_inline, p_body);
        END IF;
        IF p_blobs IS NOT NULL OR p_inlines IS NOT NULL THEN
            PERFORM retain(p_blobs, p_blob_bytes, p_inlines, p_bodies, p_sources);
        END IF;
    END IF;
    IF same_in <> '' THEN
        IF same.inline_id <> 0 OR same.blob_ids IS NOT NULL OR same.inline_ids IS NOT NULL THEN
            SELECT * INTO more FROM release(same.inline_id, same.inline_ids, same.blob_ids);
            unneeded := unneeded || more.unneeded; unneeded_bytes := unneeded_bytes || more.unneeded_bytes;
        END IF;
        IF same_in = 'history' THEN
            DELETE FROM history WHERE bucket_id = p_bucket AND key = p_key AND seq = same.seq;
        END IF;
    END IF;
    s := CASE WHEN p_given > 0 AND is_filling() THEN p_given ELSE nextval('version_order') END;
    IF has_old AND same_in <> 'live' THEN
        INSERT INTO history SELECT old.*;
    END IF;
    IF p_marker THEN
        IF has_old THEN
            DELETE FROM live WHERE bucket_id = p_bucket AND key = p_key;
        END IF;
        INSERT INTO history VALUES (p_bucket, p_key, p_version, p_modified, p_size, p_etag, p_class, p_owner, p_checksum, s, true, 0, p_doc,
            p_extents, NULL, NULL, NULL);
    ELSIF has_old THEN
        UPDATE live SET version_id = p_version, modified_ms = p_modified, size = p_size, etag = p_etag, storage_class = p_class, owner = p_owner,
            checksum = p_checksum, seq = s, inline_id = p_inline, doc = p_doc, extents = p_extents, blob_ids = p_blobs, blob_bytes = p_blob_bytes,
            inline_ids = p_inlines WHERE bucket_id = p_bucket AND key = p_key;
    ELSE
        INSERT INTO live VALUES (p_bucket, p_key, p_version, p_modified, p_size, p_etag, p_class, p_owner, p_checksum, s, false, p_inline, p_doc,
            p_extents, p_blobs, p_blob_bytes, p_inlines);
    END IF;
    RETURN QUERY SELECT 0, s, unneeded, unneeded_bytes, was_latest, same;
END
$$;

-- What finishing an upload takes beyond what its parts hold, and what of theirs it leaves.
CREATE OR REPLACE FUNCTION passing(p_upload text, p_blobs bytea[], p_blob_bytes bigint[], p_sources bigint[],
    OUT taken bytea[], OUT taken_bytes bigint[], OUT freed bytea[], OUT freed_inlines bigint[], OUT missing boolean)
LANGUAGE plpgsql AS $$
BEGIN
    WITH used AS (SELECT u.id, max(u.size) AS size, count(*) AS n FROM unnest(p_blobs, p_blob_bytes) AS u(id, size) GROUP BY u.id),
         held AS (SELECT u AS id, count(*) AS n FROM parts, unnest(parts.blob_ids) AS u WHERE upload_id = p_upload GROUP BY u),
         net AS (SELECT coalesce(used.id, held.id) AS id, coalesce(used.size, 0) AS size, coalesce(used.n, 0) - coalesce(held.n, 0) AS n
                 FROM used FULL JOIN held ON used.id = held.id)
    SELECT (SELECT array_agg(id) FROM net, generate_series(1, n) WHERE n > 0),
           (SELECT array_agg(size) FROM net, generate_series(1, n) WHERE n > 0),
           (SELECT array_agg(id) FROM net, generate_series(1, -n) WHERE n < 0)
    INTO taken, taken_bytes, freed;
    -- Small bodies pass as they are: p_sources are those that the new version names. (There may be ten thousand of each: sets, not loops.)
    freed_inlines := ARRAY(SELECT unnest(inline_ids) FROM parts WHERE upload_id = p_upload EXCEPT SELECT unnest(p_sources));
    missing := EXISTS (SELECT unnest(p_sources) EXCEPT SELECT unnest(inline_ids) FROM parts WHERE upload_id = p_upload);
END
$$;

-- Catalog.amend
CREATE OR REPLACE FUNCTION amend_version(
    p_bucket bigint, p_revision bigint, p_lock bigint, p_key bytea, p_version text, p_checksum text, p_doc bytea,
    p_absent boolean, p_present boolean, p_etags text[], p_not_etags text[], p_seq bigint, p_old_size bigint, p_second bigint, p_old_doc bytea
) RETURNS TABLE(status integer, new_seq bigint, unneeded bytea[], unneeded_bytes bigint[], was_latest boolean, version live)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    old live%ROWTYPE;
    has_live boolean;
    place text := '';
BEGIN
    status := enter_bucket(p_bucket, p_revision, p_lock);
    IF status <> 0 THEN
        RETURN NEXT; RETURN;
    END IF;
    SELECT * INTO old FROM live WHERE bucket_id = p_bucket AND key = p_key;
    has_live := FOUND;
    was_latest := true;
    IF has_live AND (p_version IS NULL OR old.version_id = p_version) THEN
        place := 'live';
    ELSE
        old := NULL;
        IF p_version IS NOT NULL THEN
            SELECT * INTO old FROM history WHERE bucket_id = p_bucket AND key = p_key AND version_id = p_version;
            IF FOUND THEN
                place := 'history';
                was_latest := NOT has_live AND old.seq = (SELECT max(seq) FROM history WHERE bucket_id = p_bucket AND key = p_key);
            END IF;
        END IF;
    END IF;
    IF p_absent IS NOT NULL AND NOT holds(old, p_absent, p_present, p_etags, p_not_etags, p_seq, p_old_size, p_second, p_old_doc) THEN
        RETURN QUERY SELECT 3, 0::bigint, NULL::bytea[], NULL::bigint[], was_latest, old;
        RETURN;
    END IF;
    IF place = '' THEN
        status := 5; RETURN NEXT; RETURN;
    ELSIF is_frozen() THEN
        status := 10; RETURN NEXT; RETURN;
    ELSIF place = 'live' THEN
        UPDATE live SET checksum = p_checksum, doc = p_doc WHERE bucket_id = p_bucket AND key = p_key;
    ELSE
        UPDATE history SET checksum = p_checksum, doc = p_doc WHERE bucket_id = p_bucket AND key = p_key AND seq = old.seq;
    END IF;
    old.checksum := p_checksum;
    old.doc := p_doc;
    RETURN QUERY SELECT 0, old.seq, NULL::bytea[], NULL::bigint[], was_latest, old;
END
$$;

-- Catalog.expunge
CREATE OR REPLACE FUNCTION expunge_version(
    p_bucket bigint, p_revision bigint, p_lock bigint, p_key bytea, p_version text,
    p_absent boolean, p_present boolean, p_etags text[], p_not_etags text[], p_seq bigint, p_old_size bigint, p_second bigint, p_old_doc bytea
) RETURNS TABLE(status integer, new_seq bigint, unneeded bytea[], unneeded_bytes bigint[], was_latest boolean, version live)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    old live%ROWTYPE;
    next_newest live%ROWTYPE;
    has_live boolean;
    more record;
BEGIN
    status := enter_bucket(p_bucket, p_revision, p_lock);
    IF status <> 0 THEN
        RETURN NEXT; RETURN;
    END IF;
    SELECT * INTO old FROM live WHERE bucket_id = p_bucket AND key = p_key;
    has_live := FOUND;
    was_latest := true;
    IF NOT (has_live AND old.version_id = p_version) THEN
        SELECT * INTO old FROM history WHERE bucket_id = p_bucket AND key = p_key AND version_id = p_version;
        was_latest := FOUND AND NOT has_live AND old.seq = (SELECT max(seq) FROM history WHERE bucket_id = p_bucket AND key = p_key);
        has_live := false;
    END IF;
    IF p_absent IS NOT NULL AND NOT holds(old, p_absent, p_present, p_etags, p_not_etags, p_seq, p_old_size, p_second, p_old_doc) THEN
        RETURN QUERY SELECT 3, 0::bigint, NULL::bytea[], NULL::bigint[], was_latest, old;
        RETURN;
    END IF;
    IF old.key IS NULL THEN
        status := 0; RETURN NEXT; RETURN;
    ELSIF is_frozen() THEN
        status := 10; RETURN NEXT; RETURN;
    END IF;
    IF old.inline_id <> 0 OR old.blob_ids IS NOT NULL OR old.inline_ids IS NOT NULL THEN
        SELECT * INTO more FROM release(old.inline_id, old.inline_ids, old.blob_ids);
        unneeded := more.unneeded; unneeded_bytes := more.unneeded_bytes;
    END IF;
    IF has_live THEN
        DELETE FROM live WHERE bucket_id = p_bucket AND key = p_key;
    ELSE
        DELETE FROM history WHERE bucket_id = p_bucket AND key = p_key AND seq = old.seq;
    END IF;
    IF was_latest THEN
        SELECT * INTO next_newest FROM history WHERE bucket_id = p_bucket AND key = p_key ORDER BY seq DESC LIMIT 1;
        IF FOUND AND NOT next_newest.is_delete_marker THEN
            INSERT INTO live SELECT next_newest.*;
            DELETE FROM history WHERE bucket_id = p_bucket AND key = p_key AND seq = next_newest.seq;
        END IF;
    END IF;
    RETURN QUERY SELECT 0, old.seq, unneeded, unneeded_bytes, was_latest, old;
END
$$;
