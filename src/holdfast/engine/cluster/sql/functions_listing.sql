-- Pages in one round trip: ranges of the primary key, and a seek past each common prefix instead of a walk through it.

-- The smallest bytes above all that start with p_prefix (UTF-8 never holds 0xff).
CREATE OR REPLACE FUNCTION successor(p_prefix bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN length(p_prefix) = 0 THEN '\xff'::bytea
    ELSE set_byte(p_prefix, length(p_prefix) - 1, get_byte(p_prefix, length(p_prefix) - 1) + 1) END
$$;

-- Catalog.list with a delimiter, or of versions. `common` is set in the row of a common prefix. A page of versions goes on inside the
-- versions of p_resume, strictly after the version p_resume_version; if that is gone since, with the whole key: rather twice than never.
CREATE OR REPLACE FUNCTION list_page(
    p_bucket bigint, p_prefix bytea, p_delimiter bytea, p_begin bytea, p_versions boolean, p_resume bytea, p_resume_version text, p_limit bigint
) RETURNS TABLE(
    key bytea, version_id text, modified_ms bigint, size bigint, etag text, storage_class text, owner text, checksum text,
    is_delete_marker boolean, common bytea, resumed boolean)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    position_now bytea := p_begin;
    page_end bytea := successor(p_prefix);
    rows_of refcursor;
    r live%ROWTYPE;
    last_common bytea;
    passed integer := 0;
    patience integer := 6;
    found_rows bigint := 0;
    place integer;
    again boolean := true;
    after_seq bigint;
BEGIN
    resumed := false;
    IF p_resume IS NOT NULL THEN
        SELECT seq INTO after_seq FROM (
            SELECT seq FROM live WHERE bucket_id = p_bucket AND key = p_resume AND version_id = p_resume_version
            UNION ALL SELECT seq FROM history WHERE bucket_id = p_bucket AND key = p_resume AND version_id = p_resume_version) AS v;
        IF after_seq IS NULL THEN
            position_now := p_resume;
        ELSE
            resumed := true;
            FOR key, version_id, modified_ms, size, etag, storage_class, owner, checksum, is_delete_marker IN
                SELECT h.key, h.version_id, h.modified_ms, h.size, h.etag, h.storage_class, h.owner, h.checksum, h.is_delete_marker
                FROM history AS h WHERE h.bucket_id = p_bucket AND h.key = p_resume AND h.seq < after_seq ORDER BY h.seq DESC LIMIT p_limit LOOP
                RETURN NEXT;
                found_rows := found_rows + 1;
            END LOOP;
            resumed := false;
            IF found_rows >= p_limit THEN
                RETURN;
            END IF;
        END IF;
    END IF;
    WHILE again LOOP
        again := false;
        IF p_versions THEN
            OPEN rows_of FOR SELECT * FROM (
                SELECT * FROM live WHERE bucket_id = p_bucket AND key >= position_now AND key < page_end
                UNION ALL SELECT * FROM history WHERE bucket_id = p_bucket AND key >= position_now AND key < page_end) AS v ORDER BY key, seq DESC;
        ELSE
            OPEN rows_of FOR SELECT * FROM live WHERE bucket_id = p_bucket AND key >= position_now AND key < page_end ORDER BY key;
        END IF;
        LOOP
            FETCH rows_of INTO r;
            EXIT WHEN NOT FOUND;
            IF last_common IS NOT NULL AND substring(r.key FOR length(last_common)) = last_common THEN
                passed := passed + 1;
                IF passed > patience THEN
                    position_now := successor(last_common);
                    patience := 1;
                    again := true;
                    EXIT;
                END IF;
                CONTINUE;
            END IF;
            place := CASE WHEN length(p_delimiter) > 0 THEN position(p_delimiter IN substring(r.key FROM length(p_prefix) + 1)) ELSE 0 END;
            last_common := NULL;
            IF place > 0 THEN
                last_common := substring(r.key FOR length(p_prefix) + place - 1 + length(p_delimiter));
                passed := 0;
            END IF;
            key := r.key; version_id := r.version_id; modified_ms := r.modified_ms; size := r.size; etag := r.etag; common := last_common;
            storage_class := r.storage_class; owner := r.owner; checksum := r.checksum; is_delete_marker := r.is_delete_marker;
            RETURN NEXT;
            found_rows := found_rows + 1;
            IF found_rows >= p_limit THEN
                RETURN;
            END IF;
        END LOOP;
        CLOSE rows_of;
    END LOOP;
END
$$;

-- Catalog.uploads
CREATE OR REPLACE FUNCTION uploads_page(
    p_bucket bigint, p_prefix bytea, p_delimiter bytea, p_begin bytea, p_resume bytea, p_resume_upload text, p_limit bigint
) RETURNS TABLE(key bytea, doc bytea, upload_id text, common bytea) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    position_now bytea := p_begin;
    page_end bytea := successor(p_prefix);
    r record;
    last_common bytea;
    found_rows bigint := 0;
    place integer;
    again boolean := true;
    initiated bigint := -1;
    last_upload text := '';
BEGIN
    IF p_resume IS NOT NULL THEN
        SELECT u.initiated_ms, u.upload_id INTO initiated, last_upload FROM uploads AS u WHERE u.upload_id = p_resume_upload AND u.key = p_resume;
        IF NOT FOUND THEN
            initiated := -1; last_upload := '';
        END IF;
        position_now := p_resume;
    END IF;
    WHILE again LOOP
        again := false;
        FOR r IN SELECT u.key, u.doc, u.upload_id FROM uploads AS u
            WHERE u.bucket_id = p_bucket AND (u.key, u.initiated_ms, u.upload_id) > (position_now, initiated, last_upload) AND u.key < page_end
            ORDER BY u.key, u.initiated_ms, u.upload_id LOOP
            IF last_common IS NOT NULL AND substring(r.key FOR length(last_common)) = last_common THEN
                position_now := successor(last_common); initiated := -1; last_upload := '';
                again := true;
                EXIT;
            END IF;
            place := CASE WHEN length(p_delimiter) > 0 THEN position(p_delimiter IN substring(r.key FROM length(p_prefix) + 1)) ELSE 0 END;
            last_common := CASE WHEN place > 0 THEN substring(r.key FOR length(p_prefix) + place - 1 + length(p_delimiter)) END;
            key := r.key; doc := r.doc; upload_id := r.upload_id; common := last_common;
            RETURN NEXT;
            found_rows := found_rows + 1;
            IF found_rows >= p_limit THEN
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
