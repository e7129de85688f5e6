-- Receipts to buyers: which way each went, what it cost, what became of it.

-- Ways by which a customer's buyers get receipts: email, sms.
ALTER TABLE customers ADD COLUMN receipts text[] NOT NULL DEFAULT '{email,sms}';

-- One row for each way of a receipt; the channel is `none` where the contact is unusable. The contact stands here only
-- while it is needed and as long as it may be kept; `lower(contact)` finds it again for whoever asks.
CREATE TABLE buyer_messages (
    fn              text        NOT NULL,
    generation      integer     NOT NULL,
    fd              bigint      NOT NULL,
    channel         text        NOT NULL,
    customer_inn    text,
    contact         text,
    state           text        NOT NULL,
    reason          text        NOT NULL DEFAULT '',
    parts           integer     NOT NULL DEFAULT 0,
    charged         bigint      NOT NULL DEFAULT 0,
    refunded        bigint      NOT NULL DEFAULT 0,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    sender          bigint,
    planned_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    ended_at        timestamptz,
    erased_at       timestamptz,
    reply           text        NOT NULL DEFAULT '',
    PRIMARY KEY (fn, generation, fd, channel),
    CHECK ((state = 'queued') = (next_attempt_at IS NOT NULL)),
    CHECK ((state = 'sending') = (sender IS NOT NULL)),
    CHECK (state <> 'queued' OR contact IS NOT NULL)
) WITH (fillfactor = 70);

CREATE INDEX buyer_messages_due ON buyer_messages (channel, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
-- Messages that a process has in hand; `sender` is an advisory lock that this process holds for as long as it lives.
CREATE INDEX buyer_messages_in_hand ON buyer_messages (sender) WHERE sender IS NOT NULL;
CREATE INDEX buyer_messages_contact ON buyer_messages (lower(contact)) WHERE contact IS NOT NULL;
CREATE INDEX buyer_messages_kept ON buyer_messages (planned_at) WHERE contact IS NOT NULL;
CREATE INDEX buyer_messages_planned_at ON buyer_messages (planned_at);
CREATE INDEX buyer_messages_customer_inn ON buyer_messages (customer_inn, planned_at);

CREATE TABLE buyer_attempts (
    fn         text        NOT NULL,
    generation integer     NOT NULL,
    fd         bigint      NOT NULL,
    channel    text        NOT NULL,
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    outcome    text        NOT NULL,
    code       integer,
    reply      text        NOT NULL,
    PRIMARY KEY (fn, generation, fd, channel, id)
);

-- Parts of messages to phones that the centre has accepted, under its own ids, and what it reported of them.
CREATE TABLE sms_parts (
    fn          text        NOT NULL,
    generation  integer     NOT NULL,
    fd          bigint      NOT NULL,
    part        integer     NOT NULL,
    smsc_id     text        NOT NULL,
    accepted_at timestamptz NOT NULL,
    outcome     text,
    PRIMARY KEY (fn, generation, fd, part)
);

CREATE INDEX sms_parts_smsc_id ON sms_parts (smsc_id);

-- Reports that came before the acceptance was noted, or about nothing of ours.
CREATE TABLE sms_reports (
    id      bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    smsc_id text        NOT NULL,
    outcome text        NOT NULL,
    reply   text        NOT NULL,
    at      timestamptz NOT NULL
);

CREATE INDEX sms_reports_smsc_id ON sms_reports (smsc_id);
CREATE INDEX sms_reports_at ON sms_reports (at);

-- That contacts were erased, how many messages had them, by whom and why; never which contact.
CREATE TABLE buyer_erasures (
    id       bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at       timestamptz NOT NULL,
    who      text        NOT NULL,
    why      text        NOT NULL,
    messages bigint      NOT NULL
);
