-- The tables of the catalog and of the registry. Keys and targets are bytes, so that they are ordered as S3 orders them whatever the
-- database's collation. A document (doc, extents) carries a checksum of its own at its end, seeded with the place it belongs to.
CREATE SEQUENCE bucket_ids;
CREATE SEQUENCE version_order;
CREATE SEQUENCE inline_blocks;
CREATE SEQUENCE par_numbers;

CREATE TABLE buckets(
    id bigint PRIMARY KEY,
    namespace text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    doc bytea NOT NULL,
    UNIQUE(namespace, name));

-- The live latest versions and nothing else, so that a listing never meets a delete marker or an old version.
CREATE TABLE live(
    bucket_id bigint NOT NULL,
    key bytea NOT NULL,
    version_id text COLLATE "C" NOT NULL,
    modified_ms bigint NOT NULL,
    size bigint NOT NULL,
    etag text COLLATE "C" NOT NULL,
    storage_class text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    checksum text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    is_delete_marker boolean NOT NULL,
    inline_id bigint NOT NULL,
    doc bytea NOT NULL,
    extents bytea NOT NULL,
    blob_ids bytea[],
    blob_bytes bigint[],
    inline_ids bigint[],
    PRIMARY KEY(bucket_id, key)) WITH (fillfactor = 85);

-- All other versions and delete markers. The same columns in the same order, so that a row moves as it is.
CREATE TABLE history(
    LIKE live,
    PRIMARY KEY(bucket_id, key, seq));
CREATE UNIQUE INDEX history_version ON history(bucket_id, key, version_id);

-- Small bodies, by a number that is never used again.
CREATE TABLE inline(id bigint PRIMARY KEY, data bytea NOT NULL);
ALTER TABLE inline ALTER COLUMN data SET STORAGE EXTERNAL;

-- How many versions and parts name a stored blob.
CREATE TABLE blobs(id bytea PRIMARY KEY, refs bigint NOT NULL, size bigint NOT NULL);

CREATE TABLE uploads(
    bucket_id bigint NOT NULL,
    key bytea NOT NULL,
    initiated_ms bigint NOT NULL,
    upload_id text COLLATE "C" NOT NULL,
    doc bytea NOT NULL,
    PRIMARY KEY(bucket_id, key, initiated_ms, upload_id));
CREATE UNIQUE INDEX uploads_id ON uploads(upload_id);
CREATE INDEX uploads_age ON uploads(initiated_ms);

CREATE TABLE parts(
    upload_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    doc bytea NOT NULL,
    blob_ids bytea[],
    blob_bytes bigint[],
    inline_ids bigint[],
    PRIMARY KEY(upload_id, number));

CREATE TABLE pars(
    number bigint PRIMARY KEY,
    bucket_id bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    target bytea NOT NULL,
    expires_ms bigint NOT NULL,
    digest bytea NOT NULL UNIQUE,
    doc bytea NOT NULL,
    UNIQUE(bucket_id, id));
CREATE INDEX pars_place ON pars(bucket_id, target, number);
CREATE INDEX pars_expiry ON pars(expires_ms);

CREATE TABLE par_uploads(
    digest bytea PRIMARY KEY,
    par bigint NOT NULL,
    upload_id text COLLATE "C" NOT NULL,
    created_ms bigint NOT NULL,
    doc bytea NOT NULL);
CREATE INDEX par_uploads_par ON par_uploads(par);
CREATE INDEX par_uploads_age ON par_uploads(created_ms);

CREATE TABLE documents(
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY(kind, name));

-- Written by health checks, to see that there is room.
CREATE TABLE probes(data bytea NOT NULL);
ALTER TABLE probes ALTER COLUMN data SET STORAGE PLAIN;

CREATE TABLE counters(name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO counters VALUES ('registry', 1);

-- One row, why nothing may be changed, while the store is moved elsewhere.
CREATE TABLE frozen(reason text NOT NULL);

-- The processes that write blobs: what they have open is no stray, however old it is.
CREATE TABLE sessions(
    id bytea PRIMARY KEY,
    process text NOT NULL,
    oldest_open bigint NOT NULL,
    beat timestamptz NOT NULL);

-- Who does a background job now, and until when if it is not heard of again.
CREATE TABLE leases(
    name text PRIMARY KEY,
    holder text NOT NULL,
    until timestamptz NOT NULL);
