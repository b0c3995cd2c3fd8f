-- The event log of a service: what happened, per scope, numbered without a hole.

CREATE TABLE log_epoch (
    -- One row. A new database is a new epoch: cursors of the old one are refused, never misread.
    -- After restoring a backup give it a new one before the service starts: UPDATE log_epoch SET epoch = gen_random_uuid().
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch     uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO log_epoch DEFAULT VALUES;

CREATE TABLE scopes (
    id        uuid PRIMARY KEY,
    -- The number of the last event.
    last_seq  bigint NOT NULL DEFAULT 0,
    -- Events up to this number are no longer kept.
    low_water bigint NOT NULL DEFAULT 0,
    CHECK (low_water >= 0 AND low_water <= last_seq)
) WITH (fillfactor = 50); -- every write updates its row: room for the new version on the same page

CREATE TABLE event_log (
    scope       uuid NOT NULL REFERENCES scopes (id),
    seq         bigint NOT NULL CHECK (seq > 0),
    -- UUIDv7 of the application; also the `Nats-Msg-Id`.
    id          uuid NOT NULL,
    kind        text NOT NULL,
    actor_id    uuid,
    subject_id  uuid,
    -- Taken under the scope's lock, unlike now(), so that the times of a scope are in the order of its numbers.
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload     bytea NOT NULL,
    traceparent text NOT NULL DEFAULT '',
    PRIMARY KEY (scope, seq)
);
CREATE INDEX event_log_occurred_at ON event_log (occurred_at);

-- What is not yet published. Rows commit out of order: read what is there, never past a cursor.
CREATE TABLE outbox (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope     uuid NOT NULL,
    seq       bigint NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000); -- rows live for milliseconds

-- The stream that holds what was published, as the relay last saw it: one row once there is one.
-- Another creation time, or another message at that place, means that it was lost or went back (a power cut), and
-- what is kept here is published again.
CREATE TABLE relay_stream (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    created_at timestamptz NOT NULL,
    -- The highest number in the stream that was acknowledged, and the event that has it.
    last_seq   bigint NOT NULL,
    last_event uuid
) WITH (fillfactor = 50);

-- First answers of requests with an idempotency key.
CREATE TABLE idempotency_keys (
    user_id     uuid NOT NULL,
    operation   text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    response    bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, operation, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
