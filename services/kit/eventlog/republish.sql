-- Scopes whose events are to be published again because the stream lost some: a few at a time, while nothing new waits.
CREATE TABLE republish (
    scope uuid PRIMARY KEY,
    -- From this event on, up to the last one of the moment when the loss was noticed.
    next  bigint NOT NULL,
    upto  bigint NOT NULL
);
