-- Scopes whose events are to be published again because the stream lost some: one after the other, when nothing new waits.
CREATE TABLE republish (
    scope uuid PRIMARY KEY
);
