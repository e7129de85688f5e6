-- The leg to the tax service (ФНС): its answers, lines that do not move, and whether its endpoint can be reached.

-- Attempts that brought no decision; rows are rewritten only when something goes wrong.
ALTER TABLE fns_queue
    ADD COLUMN attempts      integer NOT NULL DEFAULT 0,
    ADD COLUMN first_sent_at timestamptz,
    ADD COLUMN last_error    text;

-- Rows come and go all the time: what is dead is swept out by count, not by share.
ALTER TABLE fns_queue SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE INDEX fns_queue_queued_at ON fns_queue (queued_at);

-- The last word of the tax service on each document. `received_at` is the document's, to list by.
CREATE TABLE fns_answers (
    fn            text        NOT NULL,
    generation    integer     NOT NULL,
    fd            bigint      NOT NULL,
    code          integer     NOT NULL,
    attempts      integer     NOT NULL,
    status        text        NOT NULL,
    text          text        NOT NULL,
    received_at   timestamptz NOT NULL,
    first_sent_at timestamptz NOT NULL,
    decided_at    timestamptz NOT NULL,
    PRIMARY KEY (fn, generation, fd)
) PARTITION BY HASH (fn);

DO $$
BEGIN
    FOR remainder IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE fns_answers_%s PARTITION OF fns_answers FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
            lpad(remainder::text, 2, '0'), remainder);
    END LOOP;
END
$$;

CREATE INDEX fns_answers_not_accepted ON fns_answers (status, received_at) WHERE status <> 'accepted';

-- FNs whose first document in the queue met with trouble; FNs without have no row.
CREATE TABLE fns_lines (
    fn              text        PRIMARY KEY,
    generation      integer     NOT NULL,
    fd              bigint      NOT NULL,
    failures        integer     NOT NULL,
    failing_since   timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    trouble         text        NOT NULL,
    is_told         boolean     NOT NULL
);

-- Watches that heard of a refusal and not yet of its end.
CREATE TABLE fns_refused_watches (
    watch text        PRIMARY KEY,
    since timestamptz NOT NULL
);

-- While the endpoint cannot be reached nobody sends before `next_attempt_at`, and then one process tries.
CREATE TABLE fns_endpoint (
    only_row        boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    failing_since   timestamptz,
    failures        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    trouble         text        NOT NULL DEFAULT ''
);

INSERT INTO fns_endpoint DEFAULT VALUES;

-- Decisions of the last minutes, a row a request, to tell the pace.
CREATE TABLE fns_pace (
    at        timestamptz NOT NULL,
    documents integer     NOT NULL
);

CREATE INDEX fns_pace_at ON fns_pace (at);
