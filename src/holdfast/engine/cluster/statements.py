"""Every statement that the engine sends, prepared once in each connection of its lane."""

from __future__ import annotations

from holdfast.engine.cluster.connection import Statement
from holdfast.engine.cluster.documents import ENTRY_COLUMNS, VERSION_COLUMNS

_BODY = "(SELECT data FROM inline WHERE id = inline_id)"
_NO_BODY = "NULL::bytea"


def _latest(name: str, body: str) -> Statement:
    return Statement(
        name,
        f"SELECT true, {body}, {VERSION_COLUMNS} FROM live WHERE bucket_id = $1::bigint AND key = $2::bytea UNION ALL"
        f" (SELECT true, {body}, {VERSION_COLUMNS} FROM history WHERE bucket_id = $1 AND key = $2 ORDER BY seq DESC LIMIT 1) LIMIT 1",
    )


def _named(name: str, body: str) -> Statement:
    return Statement(
        name,
        f"SELECT true, {body}, {VERSION_COLUMNS} FROM live WHERE bucket_id = $1::bigint AND key = $2::bytea AND version_id = $3::text"
        f" UNION ALL SELECT NOT EXISTS (SELECT 1 FROM live WHERE bucket_id = $1 AND key = $2)"
        f" AND seq = (SELECT max(seq) FROM history WHERE bucket_id = $1 AND key = $2), {body}, {VERSION_COLUMNS}"
        " FROM history WHERE bucket_id = $1 AND key = $2 AND version_id = $3 LIMIT 1",
    )


# look-ups
BUCKET = Statement("bucket", "SELECT id, doc, revision FROM buckets WHERE namespace = $1::text AND name = $2::text")
BUCKET_OF_ID = Statement("bucket_of_id", "SELECT id, doc, revision FROM buckets WHERE id = $1::bigint")
LATEST = _latest("latest", _NO_BODY)
LATEST_BODY = _latest("latest_body", _BODY)
NAMED = _named("named", _NO_BODY)
NAMED_BODY = _named("named_body", _BODY)
INLINE = Statement("inline", "SELECT data FROM inline WHERE id = $1::bigint")
UPLOAD = Statement("upload", "SELECT doc FROM uploads WHERE upload_id = $1::text AND bucket_id = $2::bigint AND key = $3::bytea")
PAR_OF_TOKEN = Statement("par_of_token", "SELECT number, doc FROM pars WHERE digest = $1::bytea")
PAR = Statement("par", "SELECT number, doc FROM pars WHERE bucket_id = $1::bigint AND id = $2::text")
PAR_UPLOAD = Statement(
    "par_upload", "SELECT u.doc, p.number, p.doc FROM par_uploads AS u JOIN pars AS p ON p.number = u.par WHERE u.digest = $1::bytea"
)
DOCUMENT = Statement("document", "SELECT kind, name, value, revision FROM documents WHERE kind = $1::text AND name = $2::text")
BLOCK = Statement("inline_block", "SELECT nextval('inline_blocks')")
BUCKET_ID = Statement("bucket_id", "SELECT nextval('bucket_ids')")

DURABLE = Statement("durable", "SELECT pg_current_wal_flush_lsn()::text")

# pages
REPLAYED = Statement("replayed", "SELECT coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false)")
BUCKETS = Statement(
    "buckets",
    "SELECT id, doc, revision FROM buckets WHERE namespace = $1::text AND name > $2::text AND starts_with(name, $3::text)"
    " AND ($4::text IS NULL OR owner = $4) ORDER BY name LIMIT $5::bigint",
)
LIVE_PAGE = Statement(
    "live_page",
    f"SELECT {ENTRY_COLUMNS} FROM live WHERE bucket_id = $1::bigint AND key >= $2::bytea AND key < $3::bytea ORDER BY key LIMIT $4::bigint",
)
LIST_PAGE = Statement(
    "list_page", "SELECT * FROM list_page($1::bigint, $2::bytea, $3::bytea, $4::bytea, $5::boolean, $6::bytea, $7::text, $8::bigint)"
)
UPLOADS_PAGE = Statement("uploads_page", "SELECT * FROM uploads_page($1::bigint, $2::bytea, $3::bytea, $4::bytea, $5::bytea, $6::text, $7::bigint)")
PARTS = Statement(
    "parts", "SELECT number, doc FROM parts WHERE upload_id = $1::text AND number > $2::bigint ORDER BY number LIMIT $3::bigint"
)
STALE_UPLOADS = Statement(
    "stale_uploads",
    "SELECT doc, upload_id FROM uploads WHERE initiated_ms < $1::bigint ORDER BY initiated_ms, bucket_id, key, upload_id LIMIT $2::bigint",
)
PARS = Statement(
    "pars",
    "SELECT number, doc FROM pars WHERE bucket_id = $1::bigint AND target >= $2::bytea AND target < $3::bytea"
    " AND (target, number) > ($4::bytea, $5::bigint) ORDER BY target, number LIMIT $6::bigint",
)
DOCUMENTS = Statement(
    "documents", "SELECT kind, name, value, revision FROM documents WHERE kind = $1::text AND name > $2::text ORDER BY name LIMIT $3::bigint"
)
UNNAMED = Statement("unnamed", "SELECT u FROM unnest($1::bytea[]) AS u WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE id = u)")
ALIVE = Statement("alive", "SELECT id, oldest_open FROM sessions WHERE beat > clock_timestamp() - make_interval(secs => $1::bigint)")


def _scrub(table: str) -> Statement:
    return Statement(
        f"scrub_{table}",
        f"SELECT bucket_id, {_BODY}, {VERSION_COLUMNS} FROM {table}"
        " WHERE (bucket_id, key, seq) > ($1::bigint, $2::bytea, $3::bigint) AND (bucket_id, key) >= ($1, $2)"
        " ORDER BY bucket_id, key, seq LIMIT $4::bigint",
    )


SCRUB_LIVE, SCRUB_HISTORY = _scrub("live"), _scrub("history")
SCRUB_PARTS = Statement(
    "scrub_parts",
    "SELECT upload_id, number, doc FROM parts WHERE (upload_id, number) > ($1::text, $2::bigint)"
    " ORDER BY upload_id, number LIMIT $3::bigint",
)

# what moving a store asks
FROZEN = Statement("frozen", "SELECT reason FROM frozen")
ALL_DOCUMENTS = Statement(
    "all_documents",
    "SELECT kind, name, value, revision FROM documents WHERE (kind, name) > ($1::text, $2::text) ORDER BY kind, name LIMIT $3::bigint",
)
ALL_BUCKETS = Statement("all_buckets", "SELECT id, doc, revision FROM buckets WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint")
ALL_VERSIONS = Statement(
    "all_versions",
    f"SELECT * FROM ((SELECT {VERSION_COLUMNS} FROM live WHERE bucket_id = $1::bigint AND key >= $2::bytea AND (key, seq) > ($2, $3::bigint)"
    f" ORDER BY key, seq LIMIT $4::bigint) UNION ALL (SELECT {VERSION_COLUMNS} FROM history WHERE bucket_id = $1 AND key >= $2"
    " AND (key, seq) > ($2, $3) ORDER BY key, seq LIMIT $4)) AS v ORDER BY key, seq LIMIT $4",
)
ALL_PAR_UPLOADS = Statement("all_par_uploads", "SELECT digest, doc FROM par_uploads WHERE digest > $1::bytea ORDER BY digest LIMIT $2::bigint")
COUNTERS = Statement(
    "counters",
    "SELECT "
    + ", ".join(
        f"(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name})" for name in ("bucket_ids", "par_numbers", "version_order")
    ),
)
UPLOAD_OF_ID = Statement("upload_of_id", "SELECT doc FROM uploads WHERE upload_id = $1::text")
JOURNAL = Statement("journal_now", "SELECT * FROM journal_now()")
CHANGES = Statement("journal_page", "SELECT * FROM journal_page($1::bigint, $2::bigint)")


def _function(name: str, types: str) -> Statement:
    marks = ", ".join(f"${number}::{kind.strip()}" for number, kind in enumerate(types.split(","), 1) if kind)
    return Statement(name, f"SELECT * FROM {name}({marks})")


_EXPECT = "boolean, boolean, text[], text[], bigint, bigint, bigint, bytea"
_KEPT = "bytea[], bigint[], bytea[], bigint[], bytea[], bigint[]"

# write steps
COMMIT = _function(
    "commit_version",
    "bigint, bigint, bigint, bytea, text, bigint, bigint, text, text, text, text, boolean, bigint, bytea, bytea, bytea,"
    f" {_KEPT}, text, bigint, bigint, {_EXPECT}",
)
AMEND = _function("amend_version", f"bigint, bigint, bigint, bytea, text, text, bytea, {_EXPECT}")
EXPUNGE = _function("expunge_version", f"bigint, bigint, bigint, bytea, text, {_EXPECT}")
CREATE_BUCKET = _function("create_bucket", "bigint, text, text, text, bytea")
CHANGE_BUCKET = _function("change_bucket", "bigint, bigint, bytea")
DELETE_BUCKET = _function("delete_bucket", "bigint")
START_UPLOAD = _function("start_upload", "bigint, bigint, bytea, bigint, text, bytea")
ADD_PART = _function("add_part", f"bigint, bytea, text, bigint, bigint, bytea, {_KEPT}")
ABORT_UPLOAD = _function("abort_upload", "bigint, bytea, text, bigint")
CREATE_PAR = _function("create_par", "bigint, text, bytea, bigint, bytea, bytea, bigint")
DELETE_PAR = _function("delete_par", "bigint, text")
CREATE_PAR_UPLOAD = _function("create_par_upload", "bytea, bigint, text, bigint, bytea")
PURGE_PARS = _function("purge_pars", "bigint, bigint")
PUT_DOCUMENTS = _function("put_documents", "text[], text[], bytea[], bigint[]")
DELETE_DOCUMENT = _function("delete_document", "text, text")
TAKE_LEASE = _function("take_lease", "text, text, bigint")
FREEZE = _function("freeze", "text")
THAW = Statement("thaw", "DELETE FROM frozen")
RAISE_COUNTERS = _function("raise_counters", "bigint, bigint, bigint")
PLACE_DOCUMENT = _function("place_document", "text, text, bytea, bigint")
PLACE_BUCKET = _function("place_bucket", "bigint, text, text, text, bigint, bytea")
BEGIN_JOURNAL = _function("begin_journal", "text")
FORGET = _function("journal_forget", "text, bigint[]")
END_JOURNAL = _function("end_journal", "")
PROBE = _function("probe", "")

STATEMENTS = {
    "reads": (
        BUCKET, BUCKET_OF_ID, LATEST, LATEST_BODY, NAMED, NAMED_BODY, INLINE, UPLOAD, PAR_OF_TOKEN, PAR, PAR_UPLOAD, DOCUMENT, BLOCK, BUCKET_ID,
        DURABLE,
    ),
    "pages": (
        REPLAYED, BUCKETS, LIVE_PAGE, LIST_PAGE, UPLOADS_PAGE, PARTS, STALE_UPLOADS, PARS, DOCUMENTS, UNNAMED, ALIVE, SCRUB_LIVE, SCRUB_HISTORY,
        SCRUB_PARTS, FROZEN, ALL_DOCUMENTS, ALL_BUCKETS, ALL_VERSIONS, ALL_PAR_UPLOADS, COUNTERS,
        UPLOAD_OF_ID, JOURNAL, CHANGES,
    ),
    "steps": (
        COMMIT, AMEND, EXPUNGE, CREATE_BUCKET, CHANGE_BUCKET, DELETE_BUCKET, START_UPLOAD, ADD_PART, ABORT_UPLOAD, CREATE_PAR, DELETE_PAR,
        CREATE_PAR_UPLOAD, PURGE_PARS, PUT_DOCUMENTS, DELETE_DOCUMENT, TAKE_LEASE, PROBE, FREEZE, THAW, RAISE_COUNTERS, PLACE_DOCUMENT,
        PLACE_BUCKET, BEGIN_JOURNAL, FORGET, END_JOURNAL,
    ),
}  # fmt: skip
"""By lane."""
