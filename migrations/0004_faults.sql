-- Faults on demand, and the place of each document in the stream of all documents.

-- One row a rule, as it was written; the counters are those of all processes together.
CREATE TABLE faults (
    id          bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    rule        jsonb       NOT NULL,
    source      text        NOT NULL,
    created_at  timestamptz NOT NULL,
    seen        bigint      NOT NULL DEFAULT 0,
    hits        bigint      NOT NULL DEFAULT 0,
    last_hit_at timestamptz
);

-- Whether the gateway that started last applies faults. The version grows when rules come or go, so that each process
-- knows when to read them again; counters do not change it.
CREATE TABLE fault_switch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    enabled  boolean NOT NULL,
    version  bigint  NOT NULL
);

INSERT INTO fault_switch (enabled, version) VALUES (false, 0);

CREATE FUNCTION faults_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE fault_switch SET version = version + 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER faults_changed AFTER INSERT OR DELETE ON faults
    FOR EACH STATEMENT EXECUTE FUNCTION faults_changed();

-- The number of the transaction that stored a document, filled in by the default alone. A document from before this
-- migration has none and is not in the stream. An era begins when another server, or one that was set back in time, counts
-- the transactions, as after a restore: its base is added to the numbers, so that positions go on upwards (storage/feed.py).
ALTER TABLE documents ADD COLUMN position bigint;
ALTER TABLE documents ALTER COLUMN position SET DEFAULT (pg_current_xact_id()::text::bigint);

CREATE INDEX documents_position ON documents (position);

CREATE TABLE feed_eras (
    era    integer PRIMARY KEY,
    base   bigint  NOT NULL,
    server text    NOT NULL
);

INSERT INTO feed_eras (era, base, server) VALUES (1, 0, '');
