-- What the intake leaves for the two outgoing legs, in its own transaction: a row is one thing to do, and goes when it is done.

-- Documents that the tax service (ФНС) has not yet decided on.
CREATE TABLE fns_queue (
    fn         text        NOT NULL,
    generation integer     NOT NULL,
    fd         bigint      NOT NULL,
    queued_at  timestamptz NOT NULL,
    PRIMARY KEY (fn, generation, fd)
);

-- Receipts with a buyer's contact (1008) that nobody has looked at yet.
CREATE TABLE buyer_queue (
    fn         text        NOT NULL,
    generation integer     NOT NULL,
    fd         bigint      NOT NULL,
    queued_at  timestamptz NOT NULL,
    PRIMARY KEY (fn, generation, fd)
);

-- Bits of the operator's message (1206) for the FN's next confirmation whose version has it.
ALTER TABLE fn_states ADD COLUMN pending_message smallint NOT NULL DEFAULT 0;
