-- Documents, what is known of each FN, quarantine and the runs of this service.
-- Every unique key of a table that holds an FN begins with it: the FN is the unit of locking, retention and distribution.

CREATE TABLE documents (
    fn                  text        NOT NULL,
    generation          integer     NOT NULL,
    fd                  bigint      NOT NULL,
    document_code       smallint    NOT NULL,
    response_code       smallint    NOT NULL,
    operator_message    smallint    NOT NULL,
    operation_type      bigint,
    received_at         timestamptz NOT NULL,
    issued_at_local     timestamp,
    shift_number        bigint,
    receipt_number      bigint,
    total_kopecks       bigint,
    fiscal_sign         bigint,
    ffd                 text        NOT NULL,
    registration_number text,
    user_inn            text,
    peer                text        NOT NULL,
    connection_id       text        NOT NULL,
    session_version     bytea       NOT NULL,
    message_sign        bytea       NOT NULL,
    operator_sign       bytea       NOT NULL,
    trailer             bytea       NOT NULL,
    violations          jsonb,
    container           bytea       NOT NULL,
    PRIMARY KEY (fn, generation, fd)
) PARTITION BY HASH (fn);

DO $$
BEGIN
    FOR remainder IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE documents_%s PARTITION OF documents FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
            lpad(remainder::text, 2, '0'), remainder);
    END LOOP;
END
$$;

CREATE INDEX documents_received_at ON documents (received_at);

-- One row an FN, rewritten with each of its documents: no index on what changes, and room for updates in place.
CREATE TABLE fn_states (
    fn                  text        PRIMARY KEY,
    generation          integer     NOT NULL,
    max_fd              bigint      NOT NULL,
    registration_number text,
    user_inn            text,
    last_received_at    timestamptz,
    facts               bytea       NOT NULL,
    next_check_at       timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX fn_states_next_check_at ON fn_states (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX fn_states_registration_number ON fn_states (registration_number);

CREATE TABLE quarantine (
    fn            text        NOT NULL,
    id            bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    fd            bigint,
    reason        text        NOT NULL,
    detail        text        NOT NULL,
    received_at   timestamptz NOT NULL,
    peer          text        NOT NULL,
    connection_id text        NOT NULL,
    raw           bytea       NOT NULL,
    PRIMARY KEY (fn, id)
);

CREATE INDEX quarantine_received_at ON quarantine (received_at);

-- When this service was there to listen: silence of ours is not silence of a register.
CREATE TABLE service_runs (
    id           bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    host         text        NOT NULL,
    pid          integer     NOT NULL,
    version      text        NOT NULL,
    started_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    stopped_at   timestamptz
);
